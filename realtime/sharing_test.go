package realtime_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/realtime"
)

// A share moves from one socket of a person to another. The old socket does not affect it any more.
func TestAShareMovesToAnotherSocketOfThePerson(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server()
	kim, first, second := server.in("kim"), server.in("lee"), server.in("lee")
	first.Must("video:screen-share-start", theRoom)
	kim.Expect("video:screen-share-started")
	kim.Received()
	second.Must("video:screen-share-start", theRoom)
	if got := string(kim.Expect("video:screen-share-stopped")); got != `{"socketId":"`+first.ID+`","userId":"lee"}` {
		t.Errorf("stopped: %s", got)
	}
	if got := string(kim.Expect("video:screen-share-started")); got != `{"socketId":"`+second.ID+`","userId":"lee"}` {
		t.Errorf("started: %s", got)
	}
	kim.Received()
	first.Must("video:leave-room", theRoom)
	kim.Expect("video:user-left")
	// Lee still shares, in the room and in the log.
	if code := kim.Refused("video:screen-share-start", theRoom); code != "SCREEN_SHARE_TAKEN" {
		t.Errorf("kim's share: %s", code)
	}
	second.Must("video:screen-share-stop", theRoom)
	if got := string(kim.Expect("video:screen-share-stopped")); got != `{"socketId":"`+second.ID+`","userId":"lee"}` {
		t.Errorf("stopped: %s", got)
	}
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ScreenShareStarted lee", "ScreenShareStopped lee")
}

// A share ends with its connection, also for a user who reconnects in time. It is recorded at the time at which the peers saw it end.
func TestAShareEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server()
	kim, lee := server.in("kim"), server.in("lee")
	lee.Must("video:screen-share-start", theRoom)
	broke := breaks(lee)
	if got := string(kim.Expect("video:screen-share-stopped")); got != `{"socketId":"`+lee.ID+`","userId":"lee"}` {
		t.Errorf("stopped: %s", got)
	}
	seen := time.Now()
	again := server.in("lee")
	kim.Must("video:screen-share-start", theRoom)
	kim.Must("video:screen-share-stop", theRoom)
	again.Must("video:screen-share-start", theRoom)
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ScreenShareStarted lee",
		"ScreenShareStopped lee", "ScreenShareStarted kim", "ScreenShareStopped kim", "ScreenShareStarted lee")
	between(t, "the end of the share", cluster.stopped("lee"), broke, seen)
}

// stopped returns when a user's share ended.
func (c *cluster) stopped(user string) (at time.Time) {
	c.t.Helper()
	for _, e := range c.recorded() {
		if stopped, is := e.(domain.ScreenShareStopped); is && stopped.UserID == user {
			at = stopped.At
		}
	}
	return at
}

// unlimited removes the limits, for tests that poll by messages.
func unlimited(c *realtime.Config, _ *presence.Settings, _ *commands.Settings) {
	c.Rates = realtime.Rates{}
}

// sharers returns the sockets that share in a room's state.
func sharers(t *testing.T, state json.RawMessage) (ids []string) {
	t.Helper()
	var room struct {
		Participants []struct {
			SocketID        string
			IsSharingScreen bool
		}
	}
	check.NoError(t, json.Unmarshal(state, &room))
	for _, p := range room.Participants {
		if p.IsSharingScreen {
			ids = append(ids, p.SocketID)
		}
	}
	return ids
}

// One tab shares, and a second tab on another server does not. When the first server is killed, the share ends at the time of that server's
// last heartbeat.
func TestAShareEndsWhenItsServerIsKilled(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	one, two := cluster.server(), cluster.server(unlimited)
	park, lee := two.in("park"), one.in("lee")
	lee.Must("video:screen-share-start", theRoom)
	park.Received()
	lastBeatBefore := one.lastBeat()
	tab := two.in("lee")
	check.Eventually(t, "the room has the share at one socket alone", func() bool {
		park.Must("video:join-room", inRoom)
		ids := sharers(t, park.Expect("video:room-state"))
		for _, id := range ids {
			if id == tab.ID {
				t.Fatal("the second tab shows as sharing")
			}
		}
		return len(ids) == 1 && ids[0] == lee.ID
	})
	for _, e := range park.Received() {
		if e.Name == "video:screen-share-started" {
			t.Errorf("park received of a share: %s", e.Data)
		}
	}
	one.kill()
	one.outlastGrace()
	cluster.happened("SessionStarted park", "ParticipantJoined park", "ParticipantJoined lee", "ScreenShareStarted lee", "ScreenShareStopped lee")
	between(t, "the end of the share", cluster.stopped("lee"), lastBeatBefore, one.lastBeat())
	tab.Must("video:screen-share-start", theRoom)
}

// Remote peers have their recorded state, also when they join later.
func TestRemotePeersWhoJoinLaterHaveTheirRecordedState(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	one, two := cluster.server(), cluster.server(unlimited)
	park := two.in("park")
	before := time.Now().Truncate(time.Millisecond)
	kim := one.in("kim")
	joined := time.Now()
	kim.Must("video:toggle-audio", muted)
	kim.Must("video:toggle-video", `{"roomId":"study-go-main","isVideoOff":true}`)
	var state struct {
		Participants []struct {
			SocketID            string
			IsMuted, IsVideoOff bool
			JoinedAt            time.Time
		}
	}
	check.Eventually(t, "park's server has read kim's state", func() bool {
		park.Must("video:join-room", inRoom)
		check.NoError(t, json.Unmarshal(park.Expect("video:room-state"), &state))
		return len(state.Participants) == 1 && state.Participants[0].IsMuted && state.Participants[0].IsVideoOff
	})
	if p := state.Participants[0]; p.SocketID != kim.ID {
		t.Errorf("park received %+v", p)
	}
	if at := state.Participants[0].JoinedAt; at.Before(before) || at.After(joined) {
		t.Errorf("kim's join is at %v, want a time between %v and %v", at, before, joined)
	}
}
