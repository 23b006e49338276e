package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// writesAhead is how many writes may wait while the fold goes on.
const writesAhead = 2

// write is rows of a projection on their way into its new tables.
type write struct {
	projection Projection
	rows       writes
}

// replay folds the log up to and with a position into the new tables of the projections: read ahead, folded in memory,
// and written with COPY, all three at once.
func (r *Rebuilder) replay(ctx context.Context, m *manners, projections []Projection, upTo int64) error {
	group, ctx := errgroup.WithContext(ctx)
	queue := make(chan write, writesAhead)
	group.Go(func() error {
		defer close(queue)
		return r.foldLog(ctx, m, projections, upTo, func(w write) error {
			select {
			case queue <- w:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	group.Go(func() error {
		for w := range queue {
			if err := r.inShadow(ctx, w.projection, func(tx pgx.Tx) error { return w.rows(ctx, tx) }); err != nil {
				return fmt.Errorf("fill the new tables of %s: %w", w.projection.Name(), err)
			}
		}
		return nil
	})
	return group.Wait()
}

// chapter is a study's call while the log is folded.
type chapter struct {
	call     domain.Call
	position int64 // of its latest event
}

// foldLog folds the log up to and with a position into sessions, and these into replays, and hands on what is to be
// written.
func (r *Rebuilder) foldLog(
	ctx context.Context, m *manners, projections []Projection, upTo int64, put func(write) error,
) error {
	replays := make([]Replay, len(projections))
	for i, p := range projections {
		replays[i] = p.Replay()
	}
	chapters := map[string]*chapter{}
	err := r.store.Scan(ctx, 0, upTo, func(page []eventstore.Scanned) error {
		for _, scanned := range page {
			fold(chapters, replays, scanned)
		}
		for i, replay := range replays {
			if rows := replay.full(); rows != nil {
				if err := put(write{projections[i], rows}); err != nil {
					return err
				}
			}
		}
		m.giveWay(ctx)
		r.progress(page[len(page)-1].Position, upTo)
		return nil
	})
	if err != nil {
		return err
	}
	for study, c := range chapters {
		if c.call.Session.Open() {
			for _, replay := range replays {
				replay.open(ended{study, c.call.Session, c.position})
			}
		}
	}
	for i, replay := range replays {
		if err := put(write{projections[i], replay.rest()}); err != nil {
			return err
		}
	}
	return nil
}

func fold(chapters map[string]*chapter, replays []Replay, scanned eventstore.Scanned) {
	c := chapters[scanned.Study]
	if c == nil {
		c = &chapter{}
		chapters[scanned.Study] = c
	}
	c.call.Evolve(scanned.Event)
	c.position = scanned.Position
	if _, ends := scanned.Event.(domain.SessionEnded); ends {
		for _, replay := range replays {
			replay.session(ended{scanned.Study, c.call.Session, scanned.Position})
		}
	}
}
