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
	// pagesAhead is how many pages of the log are read before they are folded.
	pagesAhead = 8
	// writesAhead is how many writes wait for the database before the fold waits for them.
	writesAhead = 2
	// flushBytes is how many bytes of rows a replay collects before it writes them.
	flushBytes = 256 << 10
)

// Replay folds the whole log into a projection's empty tables. The log is folded into chapters once for all projections that
// are rebuilt together, and each Replay takes the chapters.
type Replay interface {
	// add takes a session that has ended.
	add(c *chapter)
	// flush returns rows to be written now so that they need not stay in memory, or nil.
	flush() writes
	// finish takes the sessions that are open where the log ends, and returns all remaining rows.
	finish(open []*chapter) writes
}

// writes writes rows into the empty tables.
type writes func(ctx context.Context, tx pgx.Tx) error

// take returns the bytes of a buffer, and replaces it by an empty one of a little more than that size.
func take(buffer *[]byte) []byte {
	taken := *buffer
	*buffer = make([]byte, 0, len(taken)+len(taken)/8)
	return taken
}

// write is rows on their way into a projection's new tables.
type write struct {
	projection Projection
	rows       writes
}

// replay folds the log up to and including a position into the new tables of the projections. Reading, folding in memory and
// writing with COPY run concurrently, or, while other clients are active, one at a time.
func (r *Rebuilder) replay(ctx context.Context, t *throttle, projections []Projection, upTo int64) error {
	group, ctx := errgroup.WithContext(ctx)
	pages, queue := make(chan []eventstore.Scanned, pagesAhead), make(chan write, writesAhead)
	group.Go(func() error {
		defer close(pages)
		return r.readLog(ctx, t, commonEvent(projections), upTo, pages)
	})
	group.Go(func() error {
		defer close(queue)
		return r.foldLog(ctx, t, newFolder(projections), upTo, pages, queue)
	})
	group.Go(func() error {
		for w := range queue {
			err := t.step(func() error {
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

// commonEvent returns the event of the one type that all the projections fold, or nil if they fold several.
func commonEvent(projections []Projection) domain.Event {
	only := projections[0].Folds()
	for _, p := range projections {
		if p.Folds() != only {
			return nil
		}
	}
	return only
}

// send sends a value, unless ctx ends first.
func send[T any](ctx context.Context, to chan<- T, value T) error {
	select {
	case to <- value:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readLog reads the log up to and including a position, page by page.
func (r *Rebuilder) readLog(ctx context.Context, t *throttle, only domain.Event, upTo int64, pages chan<- []eventstore.Scanned) error {
	scan, err := r.store.Scan(0, upTo, only)
	if err != nil {
		return err
	}
	for {
		var page []eventstore.Scanned
		err := t.step(func() (err error) {
			page, err = scan.Next(ctx)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		if err := send(ctx, pages, page); err != nil {
			return err
		}
		t.pause(ctx)
	}
}

// foldLog folds the pages of the log, and sends the rows on.
func (r *Rebuilder) foldLog(
	ctx context.Context, t *throttle, f *folder, upTo int64, pages <-chan []eventstore.Scanned, queue chan<- write,
) error {
	for page := range pages {
		if err := t.step(func() error { return f.foldPage(page) }); err != nil {
			return err
		}
		for i, replay := range f.replays {
			if rows := replay.flush(); rows != nil {
				if err := send(ctx, queue, write{f.projections[i], rows}); err != nil {
					return err
				}
			}
		}
		r.progress(page[len(page)-1].Position, upTo)
	}
	open := f.open()
	for i, replay := range f.replays {
		if err := send(ctx, queue, write{f.projections[i], replay.finish(open)}); err != nil {
			return err
		}
	}
	return nil
}

// folder folds events into chapters, and adds each chapter that ends to the replays of the projections.
type folder struct {
	projections []Projection
	replays     []Replay
	chapters    map[string]*unfinished // by study
}

// unfinished is a chapter whose session has not ended yet.
type unfinished struct {
	chapter
	undecoded error // of an event of the session; it matters only if the session ends
}

func newFolder(projections []Projection) *folder {
	f := &folder{projections: projections, chapters: map[string]*unfinished{}}
	for _, p := range projections {
		f.replays = append(f.replays, p.Replay())
	}
	return f
}

func (f *folder) foldPage(page []eventstore.Scanned) error {
	for _, scanned := range page {
		if err := f.fold(scanned); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) fold(scanned eventstore.Scanned) error {
	c := f.chapters[scanned.Study]
	if c == nil {
		c = &unfinished{chapter: chapter{study: scanned.Study}}
		f.chapters[scanned.Study] = c
	}
	c.position = scanned.Position
	if scanned.Undecoded != nil {
		c.undecoded = scanned.Undecoded
		return nil //nolint:nilerr // reported when the session ends
	}
	c.Evolve(scanned.Event)
	if _, ends := scanned.Event.(domain.SessionEnded); !ends {
		return nil
	}
	if c.undecoded != nil {
		return c.undecoded
	}
	for _, replay := range f.replays {
		replay.add(&c.chapter)
	}
	delete(f.chapters, scanned.Study) // there may be many studies
	return nil
}

// open returns the chapters whose sessions are open.
func (f *folder) open() []*chapter {
	var open []*chapter
	for _, c := range f.chapters {
		if c.Session.Open() {
			open = append(open, &c.chapter)
		}
	}
	return open
}
