package eventstore_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// The first session of a study starts. The stream is then loaded, and a second append with the same expected version is refused.
func Example() {
	postgrestest.Example(func(tb testing.TB) { //nolint:thelper // the body of the example
		ctx := tb.Context()
		store, err := eventstore.Open(ctx, postgrestest.New(tb), slog.New(slog.DiscardHandler))
		check.NoError(tb, err)
		tb.Cleanup(store.Close)
		stream := eventstore.Stream("go")
		started := domain.SessionStarted{
			Fact:      domain.Fact{SessionID: "session-1", At: time.Date(2026, 1, 2, 19, 0, 0, 0, time.UTC)},
			StartedBy: "kim",
		}

		position, err := store.Append(ctx, stream, 0, []domain.Event{started})
		check.NoError(tb, err)
		fmt.Println("appended at position", position)

		events, err := store.Load(ctx, stream)
		check.NoError(tb, err)
		for _, recorded := range events {
			event, err := recorded.Event()
			check.NoError(tb, err)
			fmt.Printf("version %d: %s by %s\n", recorded.Version, recorded.Type, event.(domain.SessionStarted).StartedBy)
		}

		_, err = store.Append(ctx, stream, 0, []domain.Event{started})
		fmt.Println(err)
	})
	// Output:
	// appended at position 1
	// version 1: SessionStarted by kim
	// the stream is not at the expected version
}
