package realtime_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/migrations"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/realtime"
)

// While the database is away, what peers send each other keeps flowing. What was toggled and left in the meantime is recorded
// when it is back, in order, with its true time; and nobody who is there, or comes back in time, has left.
func TestTheDatabaseIsAwayDuringACall(t *testing.T) {
	t.Parallel()
	for name, pause := range map[string]time.Duration{"stopped for 20 s": 2 * time.Second, "crashed": 50 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, database := stoppableWorld(t, "fsync=on", "full_page_writes=on")
			n := w.server(graceOf(brief))
			kim, lee, park, choi := n.in("kim"), n.in("lee"), n.in("park"), n.in("choi")

			away := database.stop
			if name == "crashed" {
				away = database.crash
			}
			must(t, away(t.Context()))
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
					t.Errorf("lee was told %s, want %s", got, want)
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
			newcomer := n.as("lee") // the account is known from a moment ago
			if code := newcomer.Refused("video:join-room", inRoom); code != "SERVICE_UNAVAILABLE" {
				t.Errorf("a join is refused with %s", code)
			}
			must(t, database.start(t.Context()))
			w.pool.Reset() // the test's own connections are dead too
			for _, ack := range acks {
				if got := string(kim.Answer(ack)); got != `{"ok":true}` {
					t.Errorf("a toggle is answered with %s", got)
				}
			}
			if got := string(park.Answer(leaving)); got != `{"ok":true}` {
				t.Errorf("the leave is answered with %s", got)
			}
			newcomer.Must("video:join-room", inRoom)
			w.happenedSince(5, toggled, left, lost)
		})
	}
}

// span is between the moment at which the test caused something and the one at which it saw it.
type span struct{ caused, seen time.Time }

// happenedSince wants the log to go on as the outage did.
func (w *world) happenedSince(known int, toggled []span, left, lost span) {
	t := w.t
	t.Helper()
	var events []domain.Event
	w.eventually("all is recorded", func() bool {
		events = w.recorded()
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

// database is a Postgres of the test's own.
type database struct{ stop, crash, start func(context.Context) error }

// stoppableWorld is a world on such a one.
func stoppableWorld(t *testing.T, options ...string) (*world, database) {
	t.Helper()
	cluster := postgrestest.Cluster(t, options...)
	d := database{
		stop:  cluster.Stop,
		crash: cluster.Crash,
		start: cluster.Start,
	}
	pool, err := postgres.Connect(t.Context(), cluster.URL())
	must(t, err)
	_, err = postgres.Migrate(t.Context(), pool, migrations.Files)
	must(t, err)
	pool.Close()
	return newWorldOn(t, cluster.URL()), d
}

// More toggles than may wait for the database: the one that is too many is refused and taken back, and its sender cut off with
// a code that says to come back. All before it are recorded.
func TestMoreThanMayWaitForTheDatabase(t *testing.T) {
	t.Parallel()
	w, database := stoppableWorld(t)
	n := w.server(func(c *realtime.Config, _ *presence.Settings, _ *commands.Settings) { c.Rates = realtime.Rates{} })
	kim, lee := n.in("kim"), n.in("lee")
	must(t, database.stop(t.Context()))
	const most = 1000 // that may wait
	for i := range most + 1 {
		kim.Emit("video:toggle-audio", fmt.Sprintf(`{"roomId":"study-go-main","isMuted":%t}`, i%2 == 0))
	}
	if got := string(kim.Expect("error")); !strings.Contains(got, `"SERVICE_UNAVAILABLE"`) {
		t.Errorf("kim was told %s", got)
	}
	if code := kim.Closed(); code != 1011 {
		t.Errorf("closed with %d", code)
	}
	lee.Expect("video:user-left")
	for range most {
		lee.Expect("video:peer-audio-changed")
	}
	for _, want := range []string{"true", "false"} { // the last one, and that it is taken back
		if got := string(lee.Expect("video:peer-audio-changed")); got != fmt.Sprintf(`{"socketId":%q,"userId":"kim","isMuted":%s}`, kim.ID, want) {
			t.Errorf("lee was told %s", got)
		}
	}
	must(t, database.start(t.Context()))
	w.pool.Reset() // the test's own connections are dead too
	recorded := func() int { return w.count(`select count(*) from events where type in ('AudioMuted', 'AudioUnmuted')`) }
	for known := recorded(); known < most; known = recorded() {
		w.eventually(fmt.Sprintf("more than %d of them are recorded", known), func() bool { return recorded() > known })
	}
	n.in("kim").Must("video:leave-room", theRoom)
	if got := recorded(); got != most {
		t.Errorf("%d toggles are recorded, not %d", got, most)
	}
}
