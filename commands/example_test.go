package commands_test

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// A session starts, and its first participant joins. Both commands append to the study's stream in Postgres.
func Example() {
	postgrestest.Example(func(tb testing.TB) { //nolint:thelper // the body of the example
		ctx := tb.Context()
		store, err := eventstore.Open(ctx, postgrestest.New(tb), slog.New(slog.DiscardHandler))
		check.NoError(tb, err)
		tb.Cleanup(store.Close)
		handlers, err := commands.New(store, access(members), commands.DefaultSettings(), counted("id-"))
		check.NoError(tb, err)

		started, err := handlers.StartSession(ctx, commands.StartSession{StudyID: "go", UserID: "kim", At: at(0)})
		check.NoError(tb, err)
		fmt.Println(started.SessionID, "created:", started.Created, "position:", started.Position)

		joined, err := handlers.JoinSession(ctx, commands.JoinSession{
			StudyID: "go", SessionID: started.SessionID, UserID: "kim", At: at(1),
		})
		check.NoError(tb, err)
		fmt.Println(joined.Participant.ID, "first:", joined.First, "position:", joined.Position)

		_, err = handlers.JoinSession(ctx, commands.JoinSession{
			StudyID: "go", SessionID: started.SessionID, UserID: "stranger", At: at(2),
		})
		fmt.Println(err)
	})
	// Output:
	// id-1 created: true position: 1
	// id-2 first: true position: 2
	// NOT_STUDY_MEMBER
}
