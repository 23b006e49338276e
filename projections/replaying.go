package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

const (
	// pagesAhead is how many pages of the log may be read while others are folded.
	pagesAhead = 8
	// writesAhead is how many writes may wait while the fold goes on.
	writesAhead = 2
)

// write is rows of a projection on their way into its new tables.
type write struct {
	projection Projection
	rows       writes
}

// replay folds the log up to and with a position into the new tables of the projections: read ahead, folded in memory,
// and written with COPY, all three at once, or, where others work, one at a time.
func (r *Rebuilder) replay(ctx context.Context, m *manners, projections []Projection, upTo int64) error {
	group, ctx := errgroup.WithContext(ctx)
	pages, queue := make(chan []eventstore.Scanned, pagesAhead), make(chan write, writesAhead)
	group.Go(func() error {
		defer close(pages)
		return r.readLog(ctx, m, foldedByAll(projections), upTo, func(page []eventstore.Scanned) error { return put(ctx, pages, page) })
	})
	group.Go(func() error {
		defer close(queue)
		return r.foldLog(m, projections, pages, upTo, func(w write) error { return put(ctx, queue, w) })
	})
	group.Go(func() error {
		for w := range queue {
			err := m.turn(func() error {
				return r.inShadow(ctx, w.projection, func(tx pgx.Tx) error { return w.rows(ctx, tx) })
			})
			if err != nil {
				return fmt.Errorf("fill the new tables of %s: %w", w.projection.Name(), err)
			}
		}
		return nil
	})
	return group.Wait()
}

// put sends, unless ctx ends first.
func put[T any](ctx context.Context, to chan<- T, value T) error {
	select {
	case to <- value:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readLog reads the log up to and with a position, page by page.
func (r *Rebuilder) readLog(
	ctx context.Context, m *manners, only domain.Event, upTo int64, put func([]eventstore.Scanned) error,
) error {
	scan, err := r.store.Scan(0, upTo, only)
	if err != nil {
		return err
	}
	for {
		var page []eventstore.Scanned
		err := m.turn(func() (err error) {
			page, err = scan.Next(ctx)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		if err := put(page); err != nil {
			return err
		}
		m.giveWay(ctx)
	}
}

// foldedByAll is the event of the one type that the projections take in, nil where they take in several.
func foldedByAll(projections []Projection) domain.Event {
	only := projections[0].Folds()
	for _, p := range projections {
		if p.Folds() != only {
			return nil
		}
	}
	return only
}

// chapter is a study's call while the log is folded, from the start of a session to its end.
type chapter struct {
	call      domain.Call
	position  int64 // of its latest event
	undecoded error // of an event of the session; it matters where the session is taken in
}

// foldLog folds the pages of the log, up to and with a position, into sessions, and these into replays, and hands on what is
// to be written.
func (r *Rebuilder) foldLog(
	m *manners, projections []Projection, pages <-chan []eventstore.Scanned, upTo int64, put func(write) error,
) error {
	replays := make([]Replay, len(projections))
	for i, p := range projections {
		replays[i] = p.Replay()
	}
	chapters := map[string]*chapter{}
	for page := range pages {
		err := m.turn(func() error {
			for _, scanned := range page {
				if err := fold(chapters, replays, scanned); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i, replay := range replays {
			if rows := replay.full(); rows != nil {
				if err := put(write{projections[i], rows}); err != nil {
					return err
				}
			}
		}
		r.progress(page[len(page)-1].Position, upTo)
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

func fold(chapters map[string]*chapter, replays []Replay, scanned eventstore.Scanned) error {
	c := chapters[scanned.Study]
	if c == nil {
		c = &chapter{}
		chapters[scanned.Study] = c
	}
	c.position = scanned.Position
	if scanned.Undecoded != nil {
		c.undecoded = scanned.Undecoded
		return nil //nolint:nilerr // not yet
	}
	c.call.Evolve(scanned.Event)
	if _, ends := scanned.Event.(domain.SessionEnded); ends {
		if c.undecoded != nil {
			return c.undecoded
		}
		for _, replay := range replays {
			replay.session(ended{scanned.Study, c.call.Session, scanned.Position})
		}
		delete(chapters, scanned.Study) // of studies there are many
	}
	return nil
}
