package projections

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Replay implements Projection.
func (Sessions) Replay() Replay { return &sessionsReplay{} }

type sessionsReplay struct {
	sessions     [][]any
	participants [][]any
}

func (r *sessionsReplay) session(e ended) {
	r.sessions = append(r.sessions, sessionValues(e.study, e.position, e.session))
	for i := range e.session.Participants {
		r.participants = append(r.participants, participantValues(e.session.ID, i, &e.session.Participants[i]))
	}
}

func (r *sessionsReplay) open(e ended) { r.session(e) }

func (r *sessionsReplay) full() writes {
	if len(r.participants) < rowsAtOnce {
		return nil
	}
	return r.rest()
}

func (r *sessionsReplay) rest() writes {
	sessions, participants := r.sessions, r.participants
	r.sessions, r.participants = nil, nil
	return func(ctx context.Context, tx pgx.Tx) error {
		if err := copyRows(ctx, tx, "sessions", sessionFields(), sessions); err != nil {
			return err
		}
		return copyRows(ctx, tx, "participants", participantFields(), participants)
	}
}
