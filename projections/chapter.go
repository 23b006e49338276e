package projections

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// chapter is a session of a study, folded from its events up to a position.
type chapter struct {
	study string
	domain.Call
	position int64 // of the last event that is folded
}

// endedChapters returns the sessions that end in the events, each folded from all its events in the log: a read model does
// not depend on another one's tables.
func endedChapters(ctx context.Context, tx pgx.Tx, events []eventstore.Recorded) ([]*chapter, error) {
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
	recordings, err := eventstore.Chapters(ctx, tx, endings)
	if err != nil {
		return nil, err
	}
	var chapters []*chapter
	c := &chapter{}
	for _, recorded := range recordings {
		event, err := recorded.Event()
		if err != nil {
			return nil, err
		}
		c.Evolve(event)
		if _, ends := event.(domain.SessionEnded); ends {
			c.study, c.position = recorded.Study(), recorded.Position
			chapters = append(chapters, c)
			c = &chapter{}
		}
	}
	return chapters, nil
}
