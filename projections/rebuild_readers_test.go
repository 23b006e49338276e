package projections_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/projections"
)

// question asks something of the tables, as text.
type question func(context.Context) (string, error)

// readers read a study whose answers never change, over and over.
type readers struct {
	t       *testing.T
	reading sync.WaitGroup
	over    context.CancelFunc
	mu      sync.Mutex
	reads   map[string]int
}

// read begins, with a reader of each question.
func (h *house) read(questions map[string]question) *readers {
	ctx, over := context.WithCancel(h.t.Context())
	r := &readers{t: h.t, over: over, reads: map[string]int{}}
	for name := range questions {
		r.reads[name] = 0
	}
	for name, ask := range questions {
		want, err := ask(ctx)
		h.then(err)
		r.reading.Go(func() { r.again(ctx, name, want, ask) })
	}
	h.t.Cleanup(r.stop)
	return r
}

func (r *readers) again(ctx context.Context, name, want string, ask question) {
	for reads := 1; ctx.Err() == nil; reads++ {
		got, err := ask(context.WithoutCancel(ctx))
		if err != nil || got != want {
			r.t.Errorf("read %d of %s: %v\ngot  %s\nwant %s", reads, name, err, got, want)
			return
		}
		r.mu.Lock()
		r.reads[name]++
		r.mu.Unlock()
		select {
		case <-time.After(2 * time.Millisecond): // or the readers would leave nothing to the rebuild
		case <-ctx.Done():
		}
	}
}

// stop returns when nobody reads any more.
func (r *readers) stop() {
	r.over()
	r.reading.Wait()
}

// pass waits until each question was asked, and answered, from now on: of two reads that end, the second began.
func (r *readers) pass() {
	r.t.Helper()
	enough := map[string]int{}
	for name, n := range r.counted() {
		enough[name] = n + 2
	}
	eventually(r.t, "the readers read", func() bool {
		for name, n := range r.counted() {
			if n < enough[name] {
				return r.t.Failed() // who got a wrong answer reads no more
			}
		}
		return true
	})
}

// counted is how often each question was answered.
func (r *readers) counted() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.reads)
}

// TestReadersNoticeNothingOfARebuild: whatever is asked while tables are replaced, the answer is as it was, in full.
func TestReadersNoticeNothingOfARebuild(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for n := range 20 {
		id := fmt.Sprintf("s%d", n)
		h.given("study-1",
			domain.SessionStarted{Fact: at(id, n*1000), StartedBy: "kim"},
			domain.ParticipantJoined{Fact: at(id, n*1000+1), ParticipantID: id + "-kim", UserID: "kim"},
			domain.ParticipantJoined{Fact: at(id, n*1000+2), ParticipantID: id + "-lee", UserID: "lee"},
			domain.ParticipantLeft{Fact: at(id, n*1000+60), UserID: "kim", Reason: domain.Left},
			domain.ParticipantLeft{Fact: at(id, n*1000+90), UserID: "lee", Reason: domain.Left},
			domain.SessionEnded{Fact: at(id, n*1000+90), Reason: domain.EveryoneLeft})
	}
	h.caughtUp()
	readers := h.read(h.questions("s3"))

	for range 4 {
		h.rebuild(h.hooked(func(a *altered) { a.indexing = readers.pass })...)
		readers.pass()
	}
	readers.stop()
}

// questions are all that is asked of the tables, and the plain tables themselves.
func (h *house) questions(session string) map[string]question {
	plain := func(sql string) question {
		return func(ctx context.Context) (text string, err error) {
			err = h.pool.QueryRow(ctx, sql).Scan(&text)
			return text, err
		}
	}
	history := projections.NewHistoryQueries(h.pool, h.store)
	users := projections.NewUserStatsQueries(h.pool, h.store)
	studies := projections.NewStudyStatsQueries(h.pool, h.store, seoul(h.t))
	return map[string]question{
		"sessions": func(ctx context.Context) (string, error) {
			s, _, err := h.queries.Session(ctx, "study-1", session)
			return fmt.Sprintf("%+v", s), err
		},
		"history": func(ctx context.Context) (string, error) {
			page, err := history.Page(ctx, "study-1", projections.HistoryPage{Number: 1, Limit: 10})
			page.Position = 0
			return fmt.Sprintf("%+v", page), err
		},
		"user_stats": func(ctx context.Context) (string, error) {
			s, err := users.Summary(ctx, "study-1", "lee")
			s.Position = 0
			return fmt.Sprintf("%+v", s), err
		},
		"study_stats": func(ctx context.Context) (string, error) {
			s, err := studies.Summary(ctx, "study-1", projections.AllDays, at("", 90_000).At)
			return fmt.Sprintf("%d %d %v %v %v", s.Sessions, s.Participants, s.Duration, *s.MostActive, s.Days), err
		},
		"days and user_days": plain(`select format('%s %s %s', count(*), sum(u.sessions), sum(d.sessions))
			from study_stats.user_days u join study_stats.days d using (study_id, day) where study_id = 'study-1'`),
		"user_days and days": plain(`select format('%s %s %s', count(*), sum(u.sessions), sum(d.sessions))
			from study_stats.days d join study_stats.user_days u using (study_id, day) where study_id = 'study-1'`),
	}
}

// TestReadsAreFreshDuringARebuild: also while tables are replaced again and again, a session is there right after its
// start.
func TestReadsAreFreshDuringARebuild(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx, over := context.WithCancel(t.Context())
	var rebuilding sync.WaitGroup
	rebuilding.Go(func() {
		for ctx.Err() == nil {
			if err := h.rebuilder.Rebuild(context.WithoutCancel(ctx), projections.Sessions{}); err != nil {
				t.Errorf("rebuild: %v", err)
				return
			}
		}
	})
	for n := range 100 {
		study, session := fmt.Sprintf("study-%d", n%10), fmt.Sprintf("s%d", n)
		h.given(study, domain.SessionStarted{Fact: at(session, n), StartedBy: "kim"})
		if open, position, err := h.queries.Open(t.Context(), study); err != nil || open.ID != session {
			t.Errorf("right after its start, session %s is not the open one, but %q as of %d (%v)", session, open.ID, position, err)
		}
		h.given(study, domain.SessionEnded{Fact: at(session, n), Reason: domain.NobodyJoined})
	}
	over()
	rebuilding.Wait()
}

// TestTheLiveFoldGoesOnRightAfterASwap: what was appended while the swap held the checkpoint is not left until the next
// look at the log.
func TestTheLiveFoldGoesOnRightAfterASwap(t *testing.T) {
	t.Parallel()
	config, fold := postgrestest.New(t).Config(), &foldTracer{}
	config.ConnConfig.Tracer = fold
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	h := vacantHouseOn(t, pool, projections.Sessions{})
	h.prepare()
	h.occupy()
	h.givenSome()
	eventually(t, "looks are seen", func() bool { return fold.looks.Load() > 0 })
	// On a slow machine it may happen that the next look comes before the end of the swap; not every time.
	for range 20 {
		var before int64
		h.then(h.rebuilder.Rebuild(t.Context(), altered{Projection: projections.Sessions{}, indexing: h.another,
			folding: func([]eventstore.Recorded) error { // within the swap, which has read where the log ends
				h.another()
				reads := fold.begun.Load()
				eventually(t, "the live fold finds the checkpoint held", func() bool { return fold.ended.Load() > reads })
				before = fold.looks.Load()
				return nil
			}}))
		h.caughtUp()
		if fold.looks.Load() == before {
			return
		}
	}
	t.Error("what was appended during a swap is left until the next look at the log")
}

// foldTracer counts what a live fold asks the database: reads of the log, and looks whether there is something to read, which
// it makes where nobody has told it so for a while.
type foldTracer struct{ begun, ended, looks atomic.Int64 }

type isRead struct{}

// TraceQueryStart implements pgx.QueryTracer.
func (f *foldTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, query pgx.TraceQueryStartData) context.Context {
	switch {
	case strings.Contains(query.SQL, "skip locked"):
		f.begun.Add(1)
		return context.WithValue(ctx, isRead{}, true)
	case strings.Contains(query.SQL, "from events), 0) > position"):
		f.looks.Add(1)
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (f *foldTracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if ctx.Value(isRead{}) != nil {
		f.ended.Add(1)
	}
}
