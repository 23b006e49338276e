package projections_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/projections"
)

// A session is appended to the log, a runner folds it into a user's statistics, and a query reads them.
func Example() {
	postgrestest.Example(func(tb testing.TB) {
		tb.Helper()
		ctx, pool, log := tb.Context(), postgrestest.New(tb), slog.New(slog.DiscardHandler)
		store, err := eventstore.Open(ctx, pool, log)
		check.NoError(tb, err)
		tb.Cleanup(store.Close)

		// The tables are created, or rebuilt if they are of an older version. Then the runner keeps them up to date.
		rebuilder := projections.NewRebuilder(pool, store, log, func(int64, int64) {})
		check.NoError(tb, rebuilder.Prepare(ctx, projections.UserStats{}))
		running, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- projections.NewRunner(store, log, projections.UserStats{}).Run(running) }()

		fact := func(minute int) domain.Fact {
			return domain.Fact{SessionID: "s1", At: time.Date(2025, 11, 19, 10, minute, 0, 0, time.UTC)}
		}
		position, err := store.Append(ctx, eventstore.Stream("go"), 0, []domain.Event{
			domain.SessionStarted{Fact: fact(0), StartedBy: "kim"},
			domain.ParticipantJoined{Fact: fact(1), ParticipantID: "p1", UserID: "kim"},
			domain.AudioMuted{Fact: fact(20), UserID: "kim"},
			domain.ParticipantLeft{Fact: fact(31), UserID: "kim", Reason: domain.Left},
			domain.SessionEnded{Fact: fact(31), Reason: domain.EveryoneLeft},
		})
		check.NoError(tb, err)

		queries := projections.NewUserStatsQueries(pool, store)
		check.NoError(tb, queries.WaitFor(ctx, position))
		summary, err := queries.Summary(ctx, "go", "kim")
		check.NoError(tb, err)
		fmt.Println("sessions:", summary.Sessions, "present:", summary.Present, "muted:", summary.Muted)

		stop()
		check.NoError(tb, <-ended)
	})
	// Output:
	// sessions: 1 present: 30m0s muted: 11m0s
}
