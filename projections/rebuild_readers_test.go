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

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/projections"
)

// question is a query whose result is text.
type question func(context.Context) (string, error)

// readers repeat queries of a study whose results never change.
type readers struct {
	t       *testing.T
	reading sync.WaitGroup
	cancel  context.CancelFunc
	mu      sync.Mutex
	reads   map[string]int
}

// read starts a reader for each question.
func (srv *server) read(questions map[string]question) *readers {
	ctx, cancel := context.WithCancel(srv.t.Context())
	r := &readers{t: srv.t, cancel: cancel, reads: map[string]int{}}
	for name := range questions {
		r.reads[name] = 0
	}
	for name, ask := range questions {
		want, err := ask(ctx)
		check.NoError(srv.t, err)
		r.reading.Go(func() { r.repeat(ctx, name, want, ask) })
	}
	srv.t.Cleanup(r.stop)
	return r
}

func (r *readers) repeat(ctx context.Context, name, want string, ask question) {
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
		case <-time.After(2 * time.Millisecond): // without a pause, the readers would use all cores
		case <-ctx.Done():
		}
	}
}

// stop stops all readers and waits for them.
func (r *readers) stop() {
	r.cancel()
	r.reading.Wait()
}

// waitForReads waits until each question was both asked and answered after the call: of two reads that end, the second started.
func (r *readers) waitForReads() {
	r.t.Helper()
	enough := map[string]int{}
	for name, n := range r.counted() {
		enough[name] = n + 2
	}
	check.Eventually(r.t, "each reader reads twice", func() bool {
		for name, n := range r.counted() {
			if n < enough[name] {
				return r.t.Failed() // a reader stops after a wrong result
			}
		}
		return true
	})
}

// counted returns how often each question was answered.
func (r *readers) counted() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.reads)
}

// TestQueriesReturnTheSameResultsDuringARebuild, also while tables are swapped.
func TestQueriesReturnTheSameResultsDuringARebuild(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	for n := range 20 {
		id := fmt.Sprintf("s%d", n)
		srv.given("study-1",
			domain.SessionStarted{Fact: at(id, n*1000), StartedBy: "kim"},
			domain.ParticipantJoined{Fact: at(id, n*1000+1), ParticipantID: id + "-kim", UserID: "kim"},
			domain.ParticipantJoined{Fact: at(id, n*1000+2), ParticipantID: id + "-lee", UserID: "lee"},
			domain.ParticipantLeft{Fact: at(id, n*1000+60), UserID: "kim", Reason: domain.Left},
			domain.ParticipantLeft{Fact: at(id, n*1000+90), UserID: "lee", Reason: domain.Left},
			domain.SessionEnded{Fact: at(id, n*1000+90), Reason: domain.EveryoneLeft})
	}
	srv.waitUntilCaughtUp()
	readers := srv.read(srv.questions("s3"))

	for range fewer(4) {
		srv.rebuild(srv.withHook(func(a *overridden) { a.indexing = readers.waitForReads })...)
		readers.waitForReads()
	}
	readers.stop()
}

// questions returns all queries, and two of the plain tables.
func (srv *server) questions(session string) map[string]question {
	plain := func(sql string) question {
		return func(ctx context.Context) (text string, err error) {
			err = srv.pool.QueryRow(ctx, sql).Scan(&text)
			return text, err
		}
	}
	history := projections.NewHistoryQueries(srv.pool, srv.store)
	users := projections.NewUserStatsQueries(srv.pool, srv.store)
	studies := projections.NewStudyStatsQueries(srv.pool, srv.store, seoul(srv.t))
	return map[string]question{
		"sessions": func(ctx context.Context) (string, error) {
			s, _, err := srv.queries.Session(ctx, "study-1", session)
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

// TestReadsAreFreshDuringARebuild: while tables are swapped again and again, a session is open right after its start.
func TestReadsAreFreshDuringARebuild(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	ctx, stopRebuilds := context.WithCancel(t.Context())
	var rebuilding sync.WaitGroup
	rebuilding.Go(func() {
		for ctx.Err() == nil {
			if err := srv.rebuilder.Rebuild(context.WithoutCancel(ctx), projections.Sessions{}); err != nil {
				t.Errorf("rebuild: %v", err)
				return
			}
		}
	})
	for n := range fewer(100) {
		study, session := fmt.Sprintf("study-%d", n%10), fmt.Sprintf("s%d", n)
		srv.given(study, domain.SessionStarted{Fact: at(session, n), StartedBy: "kim"})
		if open, position, err := srv.queries.Open(t.Context(), study); err != nil || open.ID != session {
			t.Errorf("right after its start, session %s is not the open one, but %q as of %d (%v)", session, open.ID, position, err)
		}
		srv.given(study, domain.SessionEnded{Fact: at(session, n), Reason: domain.NobodyJoined})
	}
	stopRebuilds()
	rebuilding.Wait()
}

// TestLiveFoldContinuesRightAfterASwap: events that were appended while the swap locked the checkpoint are folded before the next
// poll of the log.
func TestLiveFoldContinuesRightAfterASwap(t *testing.T) {
	t.Parallel()
	config, fold := postgrestest.New(t).Config(), &foldTracer{}
	config.ConnConfig.Tracer = fold
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	check.NoError(t, err)
	t.Cleanup(pool.Close)
	srv := idleServerOn(t, pool, projections.Sessions{})
	srv.prepare()
	srv.run()
	srv.givenSamples()
	check.Eventually(t, "a poll is traced", func() bool { return fold.polls.Load() > 0 })
	// On a slow machine a poll may happen before the end of the swap, but not in each of 20 attempts.
	for range 20 {
		var before int64
		check.NoError(srv.t, srv.rebuilder.Rebuild(t.Context(), overridden{Projection: projections.Sessions{}, indexing: srv.givenOneMore,
			folding: func([]eventstore.Recorded) error { // within the swap, after it has read the head
				srv.givenOneMore()
				reads := fold.begun.Load()
				check.Eventually(t, "the live fold finds the checkpoint locked", func() bool { return fold.ended.Load() > reads })
				before = fold.polls.Load()
				return nil
			}}))
		srv.waitUntilCaughtUp()
		if fold.polls.Load() == before {
			return
		}
	}
	t.Error("events appended during a swap are folded only after the next poll")
}

// foldTracer counts the queries of the live fold: reads of the log, and polls for new events, which it makes after some time
// without a notification.
type foldTracer struct{ begun, ended, polls atomic.Int64 }

type readKey struct{}

// TraceQueryStart implements pgx.QueryTracer.
func (f *foldTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, query pgx.TraceQueryStartData) context.Context {
	switch {
	case strings.Contains(query.SQL, "skip locked"):
		f.begun.Add(1)
		return context.WithValue(ctx, readKey{}, true)
	case strings.Contains(query.SQL, "from events), 0) > position"):
		f.polls.Add(1)
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (f *foldTracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if ctx.Value(readKey{}) != nil {
		f.ended.Add(1)
	}
}
