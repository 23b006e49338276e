package realtime_test

import (
	"slices"
	"testing"

	"github.com/studycall/studycall/realtime/realtimetest"
)

// While the database is away, one stops sharing the screen and another starts, and so on. All of it is on record when it is
// back, whoever gets through first.
func TestAShareIsHandedOverWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	w, database := stoppableWorld(t)
	n := w.server()
	users := []string{"kim", "lee", "park", "choi"}
	clients := make([]*realtimetest.Client, len(users))
	for i, user := range users {
		clients[i] = n.in(user)
	}
	clients[0].Must("video:screen-share-start", theRoom)
	for _, c := range clients[1:] {
		c.Expect("video:peer-screen-share")
	}
	known := len(w.events())
	must(t, database.stop(t.Context()))
	var answers []func() string
	asks := func(i int, event string) {
		t.Helper()
		ack := clients[i].Begin(event, theRoom)
		answers = append(answers, func() string { return string(clients[i].Answer(ack)) })
		for other, c := range clients {
			if other != i {
				c.Expect("video:peer-screen-share")
			}
		}
	}
	var want []string
	for i := range len(users) - 1 {
		asks(i, "video:screen-share-stop")
		asks(i+1, "video:screen-share-start")
		want = append(want, "ScreenShareStopped "+users[i], "ScreenShareStarted "+users[i+1])
	}
	must(t, database.start(t.Context()))
	w.pool.Reset()

	for _, answer := range answers {
		if got := answer(); got != `{"ok":true}` {
			t.Errorf("answered with %s", got)
		}
	}
	got := w.events()[known:]
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the log goes on with %q, want %q", got, want)
	}
}
