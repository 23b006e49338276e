package realtime_test

import (
	"testing"
	"time"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/realtime"
)

// A toggle is published for each socket of the user, so the number of sockets is limited.
func TestTheSocketsOfAUserInARoomAreLimited(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server()
	for range 20 {
		server.in("kim")
	}
	if code := server.as("kim").Refused("video:join-room", inRoom); code != "RATE_LIMITED" {
		t.Errorf("the 21st is refused with %s", code)
	}
	server.in("lee")
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee")
	if held := cluster.held(); held != 21 {
		t.Errorf("%d leases, want 21", held)
	}
}

// A user leaves over REST and joins again at once by the socket that stayed connected. The join is recorded.
func TestAJoinRightAfterALeaveOverRESTIsRecorded(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server(func(c *realtime.Config, _ *presence.Settings, _ *commands.Settings) {
		c.RecheckInterval = time.Hour // the server does not notice the leave by itself
	})
	kim, park := server.in("kim"), server.in("park")
	kim.Received()
	server.leaves("park")

	park.Must("video:join-room", inRoom)

	kim.Expect("video:user-left")
	kim.Expect("video:user-joined")
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined park", "ParticipantLeft park left",
		"ParticipantJoined park")
	if held := cluster.held(); held != 2 {
		t.Errorf("%d leases, want 2", held)
	}
	// A socket that is in the room, whose user is in the call, only gets the state.
	kim.Received()
	park.Must("video:join-room", inRoom)
	kim.Emit("video:ice-candidate", `{"to":"`+park.ID+`","candidate":1}`)
	park.Expect("video:ice-candidate")
	for _, e := range kim.Received() {
		t.Errorf("kim received %s %s", e.Name, e.Data)
	}
}
