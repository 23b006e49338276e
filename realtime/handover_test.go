package realtime_test

import (
	"slices"
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// During an outage one user stops sharing the screen and another starts, several times. All of it is recorded afterwards, in whatever
// order the participants' records are retried.
func TestSharesAreRecordedInOrderAfterAnOutage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: starts a Postgres server of its own, and takes 10 s")
	}
	cluster, database := stoppableCluster(t)
	server := cluster.server()
	users := []string{"kim", "lee", "park", "choi"}
	clients := make([]*realtimetest.Client, len(users))
	for i, user := range users {
		clients[i] = server.in(user)
	}
	clients[0].Must("video:screen-share-start", theRoom)
	for _, c := range clients[1:] {
		c.Expect("video:peer-screen-share")
	}
	known := len(cluster.events())
	check.NoError(t, database.stop(t.Context()))
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
	check.NoError(t, database.start(t.Context()))
	cluster.pool.Reset()

	for _, answer := range answers {
		if got := answer(); got != `{"ok":true}` {
			t.Errorf("answered with %s", got)
		}
	}
	got := cluster.events()[known:]
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the log goes on with %q, want %q", got, want)
	}
}
