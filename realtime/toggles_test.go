package realtime_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/realtime/realtimetest"
)

const (
	muted   = `{"roomId":"study-go-main","isMuted":true}`
	unmuted = `{"roomId":"study-go-main","isMuted":false}`
	theRoom = `{"roomId":"study-go-main"}`
)

func TestAToggleThatChangesNothingIsNoEvent(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server()
	kim, lee := server.in("kim"), server.in("lee")
	kim.Expect("video:user-joined")
	lee.Must("video:toggle-audio", unmuted)
	lee.Must("video:toggle-audio", muted)
	lee.Must("video:toggle-audio", muted)
	lee.Must("video:screen-share-stop", theRoom)
	lee.Must("video:toggle-audio", unmuted)
	kim.Expect("video:peer-audio-changed")
	kim.Expect("video:peer-audio-changed")
	if received := kim.Received(); len(received) > 0 {
		t.Errorf("kim received %v", received)
	}
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "AudioMuted lee", "AudioUnmuted lee")
}

// A toggle of one tab holds for both, and the participant leaves with the last tab.
func TestTwoTabsAreOneParticipant(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server()
	kim, first, second := server.in("kim"), server.in("lee"), server.as("lee")
	first.Must("video:toggle-audio", muted)
	first.Must("video:screen-share-start", theRoom)
	kim.Received()
	second.Must("video:join-room", inRoom)
	second.Must("video:join-room", inRoom)
	changed := kim.Expect("video:peer-audio-changed")
	var about struct {
		SocketID string
		IsMuted  bool
	}
	check.NoError(t, json.Unmarshal(changed, &about))
	if about.SocketID != second.ID || !about.IsMuted {
		t.Errorf("kim received %s of the second tab", changed)
	}
	second.Must("video:toggle-audio", unmuted)
	sockets := map[string]bool{}
	for range 2 {
		check.NoError(t, json.Unmarshal(kim.Expect("video:peer-audio-changed"), &about))
		sockets[about.SocketID] = about.IsMuted
	}
	if len(sockets) != 2 || sockets[first.ID] || sockets[second.ID] {
		t.Errorf("kim received %v", sockets)
	}
	first.Must("video:leave-room", theRoom)
	kim.Expect("video:user-left")
	if got := string(kim.Expect("video:screen-share-stopped")); got != `{"socketId":"`+first.ID+`","userId":"lee"}` {
		t.Errorf("the share is over by %s", got)
	}
	second.Must("video:leave-room", theRoom)
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "AudioMuted lee", "ScreenShareStarted lee",
		"AudioUnmuted lee", "ScreenShareStopped lee", "ParticipantLeft lee left")
}

// Only the command knows who shares on another server. The published share is reverted.
func TestAShareThatTheCommandRefusesIsReverted(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	one, other := cluster.server(), cluster.server()
	kim, lee, park := one.in("kim"), one.in("lee"), other.in("park")
	park.Must("video:screen-share-start", theRoom)
	kim.Received()
	answer := lee.Ask("video:screen-share-start", theRoom)
	golden(t, "screen_share_taken_on_another_server_ack", answer, nil)
	golden(t, "screen_share_taken_on_another_server", lee.Expect("error"), nil)
	lastShare(t, kim, lee.ID, false)
	park.Must("video:screen-share-stop", theRoom)
	lee.Must("video:screen-share-start", theRoom)
	lastShare(t, kim, lee.ID, true)
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ParticipantJoined park",
		"ScreenShareStarted park", "ScreenShareStopped park", "ScreenShareStarted lee")
}

// lastShare checks the last published share of a socket.
func lastShare(t *testing.T, c *realtimetest.Client, socketID string, want bool) {
	t.Helper()
	var about struct {
		SocketID  string
		IsSharing bool
	}
	for {
		check.NoError(t, json.Unmarshal(c.Expect("video:peer-screen-share"), &about))
		if about.SocketID == socketID && about.IsSharing == want {
			return
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}

// The toggle of a user who is no longer in the call is refused and reverted.
func TestAToggleThatTheCommandRefusesIsReverted(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server()
	kim, lee := server.in("kim"), server.in("lee")
	// Given lee's leave by a command, with lee's lease unchanged
	started, err := server.commands.StartSession(t.Context(), commands.StartSession{StudyID: study, UserID: "lee", At: time.Now()})
	check.NoError(t, err)
	_, err = server.commands.LeaveSession(t.Context(), study, domain.LeaveSession{SessionID: started.SessionID, UserID: "lee", Reason: "left", At: time.Now()})
	check.NoError(t, err)
	if code := lee.Refused("video:toggle-audio", muted); code != "PARTICIPANT_NOT_FOUND" {
		t.Errorf("the toggle: %s", code)
	}
	for _, want := range []string{`true`, `false`} {
		if got := string(kim.Expect("video:peer-audio-changed")); got != `{"socketId":"`+lee.ID+`","userId":"lee","isMuted":`+want+`}` {
			t.Errorf("kim received %s, want %s", got, want)
		}
	}
}
