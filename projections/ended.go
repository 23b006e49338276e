package projections

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// ended is a session that has ended, as domain folds its events. position is that of its SessionEnded.
type ended struct {
	study    string
	session  domain.Session
	position int64
}

// endedSessions are the sessions that end in the events, each folded from all its own events in the log: no read model
// builds on another.
func endedSessions(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) ([]ended, error) {
	var endings []eventstore.Recorded
	for _, recorded := range events {
		event, err := recorded.Event()
		if err != nil {
			return nil, err
		}
		if _, ends := event.(domain.SessionEnded); ends {
			endings = append(endings, recorded)
		}
	}
	chapters, err := eventstore.Chapters(ctx, tx, endings)
	if err != nil {
		return nil, err
	}
	sessions := make([]ended, 0, len(endings))
	var call domain.Call
	for _, recorded := range chapters {
		event, err := recorded.Event()
		if err != nil {
			return nil, err
		}
		call.Evolve(event)
		if _, ends := event.(domain.SessionEnded); ends {
			sessions = append(sessions, ended{recorded.Study(), call.Session, recorded.Position})
			call = domain.Call{}
		}
	}
	return sessions, nil
}
