package projections

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
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
// are rebuilt together, and each Replay turns the chapters into rows in its buffers.
type Replay struct {
	buffers []buffer                                   // in the order in which they are written
	add     func(c *chapter)                           // takes a session that has ended
	finish  func(open []*chapter)                      // takes the sessions that are open where the log ends; nil: no rows remain
	last    func(ctx context.Context, tx pgx.Tx) error // runs after all rows are written; nil: nothing
}

// replay folds the log up to and including a position into the new tables. Reading, folding in memory and writing with COPY run
// concurrently, or, while other clients are active, one at a time.
func (r *Rebuilder) replay(ctx context.Context, t *throttle, projections []Projection, upTo int64) error {
	group, ctx := errgroup.WithContext(ctx)
	pages, writes := make(chan []eventstore.Scanned, pagesAhead), make(chan func(context.Context) error, writesAhead)
	group.Go(func() error {
		defer close(pages)
		return r.readLog(ctx, t, commonEvent(projections), upTo, pages)
	})
	group.Go(func() error {
		defer close(writes)
		return r.foldLog(ctx, t, projections, upTo, pages, writes)
	})
	group.Go(func() error {
		for write := range writes {
			if err := t.step(func() error { return write(ctx) }); err != nil {
				return err
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

// foldLog folds the pages of the log, and sends the rows to be written.
func (r *Rebuilder) foldLog(
	ctx context.Context, t *throttle, projections []Projection, upTo int64,
	pages <-chan []eventstore.Scanned, writes chan<- func(context.Context) error,
) error {
	f := folder{chapters: map[string]*unfinished{}}
	for _, p := range projections {
		f.replays = append(f.replays, p.Replay())
	}
	for page := range pages {
		if err := t.step(func() error { return f.fold(page) }); err != nil {
			return err
		}
		for i, replay := range f.replays {
			if bufferedBytes(replay) < flushBytes {
				continue
			}
			if err := send(ctx, writes, r.flush(projections[i], replay.buffers, nil)); err != nil {
				return err
			}
		}
		r.progress(page[len(page)-1].Position, upTo)
	}
	open := f.open()
	for i, replay := range f.replays {
		if replay.finish != nil {
			replay.finish(open)
		}
		if err := send(ctx, writes, r.flush(projections[i], replay.buffers, replay.last)); err != nil {
			return err
		}
	}
	return nil
}

func bufferedBytes(replay Replay) (sum int) {
	for _, b := range replay.buffers {
		sum += b.size()
	}
	return sum
}

// flush empties a replay's buffers, and returns the write of their rows into the shadow tables, and of what follows, if anything.
func (r *Rebuilder) flush(p Projection, buffers []buffer, then func(context.Context, pgx.Tx) error) func(context.Context) error {
	var steps []func(context.Context, pgx.Tx) error
	for _, b := range buffers {
		steps = append(steps, b.take())
	}
	if then != nil {
		steps = append(steps, then)
	}
	return func(ctx context.Context) error {
		err := r.inShadow(ctx, p, func(tx pgx.Tx) error {
			for _, step := range steps {
				if err := step(ctx, tx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("fill the new tables of %s: %w", p.Name(), err)
		}
		return nil
	}
}

// folder folds events into chapters, and adds each chapter that ends to the replays.
type folder struct {
	replays  []Replay
	chapters map[string]*unfinished // by study
}

// unfinished is a chapter whose session has not ended yet.
type unfinished struct {
	chapter
	undecoded error // of an event of the session; it matters only if the session ends
}

func (f *folder) fold(page []eventstore.Scanned) error {
	for _, scanned := range page {
		c := f.chapters[scanned.Study]
		if c == nil {
			c = &unfinished{chapter: chapter{study: scanned.Study}}
			f.chapters[scanned.Study] = c
		}
		c.position = scanned.Position
		if scanned.Undecoded != nil {
			c.undecoded = scanned.Undecoded
			continue // reported when the session ends
		}
		c.Evolve(scanned.Event)
		if _, ends := scanned.Event.(domain.SessionEnded); !ends {
			continue
		}
		if c.undecoded != nil {
			return c.undecoded
		}
		for _, replay := range f.replays {
			replay.add(&c.chapter)
		}
		delete(f.chapters, scanned.Study) // there may be many studies
	}
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

// chapter is a session of a study, folded from its events up to a position.
type chapter struct {
	study string
	domain.Call
	position int64 // of the last event that is folded
}

// endedChapters returns the sessions that end in the events, each folded from the log, not from another read model's tables.
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

const (
	// pollInterval is the interval at which a rebuild polls the database for the activity of other clients, and pollWindow how
	// many of the latest polls count: a second's worth.
	pollInterval = 50 * time.Millisecond
	pollWindow   = 20
	// busyPolls is how many of these polls must find another client active. The servers' heartbeats, a few short statements a
	// second, are hardly ever found.
	busyPolls = 2
	// pagePause is how long a rebuild pauses after each page of the log while other clients are active. A page takes half as
	// long again: with two cores, the other clients' p99 is then 1.4 times what it is without a rebuild; it was up to 2.8 times.
	pagePause = 2 * time.Millisecond
)

// throttle slows a rebuild down while other clients of the database are active. The zero value does not throttle.
type throttle struct {
	busy  atomic.Bool
	steps sync.Mutex // held during a step while busy
}

// Connections of the same process have the same application_name: see pg_stat_activity.
const othersActiveSQL = `select exists (select from pg_stat_activity where datname = current_database() and state = 'active'
	and backend_type = 'client backend' and application_name <> current_setting('application_name'))`

// watch polls the database for the activity of other clients until ctx ends.
func (t *throttle) watch(ctx context.Context, pool *pgxpool.Pool) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var window [pollWindow]bool
	for poll := 0; ; poll++ {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		var active bool
		if pool.QueryRow(ctx, othersActiveSQL).Scan(&active) != nil {
			continue // the rebuild meets the error itself
		}
		window[poll%pollWindow] = active
		count := 0
		for _, active := range window {
			if active {
				count++
			}
		}
		t.busy.Store(count >= busyPolls)
	}
}

// step runs one step of the rebuild. Steps run concurrently, except that while other clients are active they run one at a
// time: the program and its connections then use one core between them.
func (t *throttle) step(do func() error) error {
	if t.busy.Load() {
		t.steps.Lock()
		defer t.steps.Unlock()
	}
	return do()
}

// pause waits for pagePause while other clients are active.
func (t *throttle) pause(ctx context.Context) {
	if !t.busy.Load() {
		return
	}
	select {
	case <-time.After(pagePause):
	case <-ctx.Done():
	}
}
