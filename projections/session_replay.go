package projections

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Replay implements Projection.
func (Sessions) Replay() Replay { return &sessionsReplay{} }

type sessionsReplay struct{ sessions, participants rows }

func (r *sessionsReplay) session(e ended) {
	r.sessions.add(sessionValues(e.study, e.position, e.session))
	for i := range e.session.Participants {
		r.participants.add(participantValues(e.session.ID, i, &e.session.Participants[i]))
	}
}

func (r *sessionsReplay) open(e ended) { r.session(e) }

func (r *sessionsReplay) full() writes {
	if !r.participants.full() {
		return nil
	}
	return r.rest()
}

func (r *sessionsReplay) rest() writes {
	sessions, participants := r.sessions.take(), r.participants.take()
	return func(ctx context.Context, tx pgx.Tx) error {
		if err := sessions.copyTo(ctx, tx, table{"sessions", sessionFields()}); err != nil {
			return err
		}
		return participants.copyTo(ctx, tx, table{"participants", participantFields()})
	}
}
