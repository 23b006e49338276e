package realtime_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/migrations"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/realtime"
)

// During an outage messages between peers are still relayed. Toggles and leaves are recorded afterwards, in order, with the times at which
// they happened. No user who stays, or reconnects in time, has left.
func TestACallGoesOnDuringADatabaseOutage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: starts Postgres servers of its own, and takes 30 s")
	}
	for name, pause := range map[string]time.Duration{"stopped for 20 s": 2 * time.Second, "crashed": 50 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster, database := stoppableCluster(t, "fsync=on", "full_page_writes=on")
			server := cluster.server(graceOf(brief))
			kim, lee, park, choi := server.in("kim"), server.in("lee"), server.in("park"), server.in("choi")

			interrupt := database.stop
			if name == "crashed" {
				interrupt = database.crash
			}
			check.NoError(t, interrupt(t.Context()))
			var toggled []span
			var acks []int
			for i := range 10 {
				kim.Emit("video:ice-candidate", fmt.Sprintf(`{"to":%q,"candidate":%d}`, lee.ID, i))
				if got, want := string(lee.Expect("video:ice-candidate")), fmt.Sprintf(`{"from":%q,"candidate":%d}`, kim.ID, i); got != want {
					t.Errorf("arrives as %s, want %s", got, want)
				}
				toggling := time.Now()
				acks = append(acks, kim.Begin("video:toggle-audio", fmt.Sprintf(`{"roomId":"study-go-main","isMuted":%t}`, i%2 == 0)))
				if got, want := string(lee.Expect("video:peer-audio-changed")), fmt.Sprintf(`{"socketId":%q,"userId":"kim","isMuted":%t}`, kim.ID, i%2 == 0); got != want {
					t.Errorf("lee received %s, want %s", got, want)
				}
				toggled = append(toggled, span{toggling, time.Now()})
				<-time.After(pause)
			}
			began, leaving := time.Now(), park.Begin("video:leave-room", theRoom)
			lee.Expect("video:user-left")
			left := span{began, time.Now()}
			broke := breaks(choi)
			lee.Expect("video:user-left")
			lost := span{broke, time.Now()}
			newcomer := server.as("lee") // the account is cached
			if code := newcomer.Refused("video:join-room", inRoom); code != "SERVICE_UNAVAILABLE" {
				t.Errorf("a join is refused with %s", code)
			}
			check.NoError(t, database.start(t.Context()))
			cluster.pool.Reset() // the connections of the test's pool broke too
			for _, ack := range acks {
				if got := string(kim.Answer(ack)); got != `{"ok":true}` {
					t.Errorf("a toggle is answered with %s", got)
				}
			}
			if got := string(park.Answer(leaving)); got != `{"ok":true}` {
				t.Errorf("the leave is answered with %s", got)
			}
			newcomer.Must("video:join-room", inRoom)
			cluster.happenedSince(5, toggled, left, lost)
		})
	}
}

// span is the time between a cause in the test and its observation.
type span struct{ caused, seen time.Time }

// happenedSince checks the events of the outage.
func (c *cluster) happenedSince(known int, toggled []span, left, lost span) {
	t := c.t
	t.Helper()
	var events []domain.Event
	check.Eventually(t, "all toggles and leaves are recorded", func() bool {
		events = c.recorded()
		return len(events) >= known+len(toggled)+2
	})
	var toggles int
	for _, e := range events[known:] {
		switch e := e.(type) {
		case domain.AudioMuted:
			between(t, "mute", e.At, toggled[toggles].caused, toggled[toggles].seen)
			toggles++
		case domain.AudioUnmuted:
			between(t, "unmute", e.At, toggled[toggles].caused, toggled[toggles].seen)
			toggles++
		case domain.ParticipantLeft:
			switch {
			case e.UserID == "park" && e.Reason == domain.Left:
				between(t, "park's leave", e.At, left.caused, left.seen)
			case e.UserID == "choi" && e.Reason == domain.Disconnected:
				between(t, "choi's leave", e.At, lost.caused, lost.seen)
			default:
				t.Errorf("the log has %s", describe(e))
			}
		default:
			t.Errorf("the log has %s", describe(e))
		}
	}
	if toggles != len(toggled) {
		t.Errorf("%d of %d toggles are in the log", toggles, len(toggled))
	}
}

// database is a Postgres server that the test may stop.
type database struct{ stop, crash, start func(context.Context) error }

// stoppableCluster makes a cluster on such a server.
func stoppableCluster(t *testing.T, options ...string) (*cluster, database) {
	t.Helper()
	cluster := postgrestest.Cluster(t, options...)
	d := database{
		stop:  cluster.Stop,
		crash: cluster.Crash,
		start: cluster.Start,
	}
	pool, err := postgres.Connect(t.Context(), cluster.URL())
	check.NoError(t, err)
	_, err = postgres.Migrate(t.Context(), pool, migrations.Files)
	check.NoError(t, err)
	pool.Close()
	return newClusterOn(t, cluster.URL()), d
}

// When the queue is full, the next toggle is refused and reverted, and its socket is closed with a code that lets the client reconnect. All
// earlier toggles are recorded.
func TestAFullQueueRefusesAToggleAndClosesTheSocket(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: starts a Postgres server of its own, and takes 10 s")
	}
	cluster, database := stoppableCluster(t)
	server := cluster.server(func(c *realtime.Config, _ *presence.Settings, _ *commands.Settings) { c.Rates = realtime.Rates{} })
	kim, lee := server.in("kim"), server.in("lee")
	check.NoError(t, database.stop(t.Context()))
	const most = 1000 // recording.participantLimit
	for i := range most + 1 {
		kim.Emit("video:toggle-audio", fmt.Sprintf(`{"roomId":"study-go-main","isMuted":%t}`, i%2 == 0))
	}
	if got := string(kim.Expect("error")); !strings.Contains(got, `"SERVICE_UNAVAILABLE"`) {
		t.Errorf("kim received %s", got)
	}
	if code := kim.Closed(); code != 1011 {
		t.Errorf("closed with %d", code)
	}
	lee.Expect("video:user-left")
	for range most {
		lee.Expect("video:peer-audio-changed")
	}
	for _, want := range []string{"true", "false"} { // the refused toggle and its revert
		if got := string(lee.Expect("video:peer-audio-changed")); got != fmt.Sprintf(`{"socketId":%q,"userId":"kim","isMuted":%s}`, kim.ID, want) {
			t.Errorf("lee received %s", got)
		}
	}
	check.NoError(t, database.start(t.Context()))
	cluster.pool.Reset() // the connections of the test's pool broke too
	recorded := func() int {
		return cluster.count(`select count(*) from events where type in ('AudioMuted', 'AudioUnmuted')`)
	}
	for known := recorded(); known < most; known = recorded() {
		check.Eventually(t, fmt.Sprintf("more than %d toggles are recorded", known), func() bool { return recorded() > known })
	}
	server.in("kim").Must("video:leave-room", theRoom)
	if got := recorded(); got != most {
		t.Errorf("%d toggles are recorded, not %d", got, most)
	}
}
