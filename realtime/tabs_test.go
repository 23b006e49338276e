package realtime_test

import (
	"testing"
	"time"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/realtime"
)

// What one of a user's sockets toggles is told of each: of how many, is bounded.
func TestOneUserHasAFewSocketsInARoomAtMost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server()
	for range 20 {
		n.in("kim")
	}
	if code := n.as("kim").Refused("video:join-room", inRoom); code != "RATE_LIMITED" {
		t.Errorf("the 21st is refused with %s", code)
	}
	n.in("lee")
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee")
	if held := w.held(); held != 21 {
		t.Errorf("%d leases are there, want 21", held)
	}
}

// Who has left over REST and joins by the socket that stayed is on record as in the call, however soon that is.
func TestAJoinRightAfterALeaveOverREST(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server(func(c *realtime.Config, _ *presence.Settings, _ *commands.Settings) {
		c.RecheckInterval = time.Hour // nobody else notices the leave
	})
	kim, park := n.in("kim"), n.in("park")
	kim.Told()
	n.leaves("park")

	park.Must("video:join-room", inRoom)

	kim.Expect("video:user-left")
	kim.Expect("video:user-joined")
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined park", "ParticipantLeft park left",
		"ParticipantJoined park")
	if held := w.held(); held != 2 {
		t.Errorf("%d leases are there, want 2", held)
	}
	// And who is in the room as well as on record is only told who else is.
	kim.Told()
	park.Must("video:join-room", inRoom)
	kim.Emit("video:ice-candidate", `{"to":"`+park.ID+`","candidate":1}`)
	park.Expect("video:ice-candidate")
	for _, e := range kim.Told() {
		t.Errorf("kim was told %s %s", e.Name, e.Data)
	}
}
