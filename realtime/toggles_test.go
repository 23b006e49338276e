package realtime_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/realtime/realtimetest"
)

const (
	muted   = `{"roomId":"study-go-main","isMuted":true}`
	unmuted = `{"roomId":"study-go-main","isMuted":false}`
	theRoom = `{"roomId":"study-go-main"}`
)

func TestAToggleThatChangesNothingIsNoEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server()
	kim, lee := n.in("kim"), n.in("lee")
	kim.Expect("video:user-joined")
	lee.Must("video:toggle-audio", unmuted)
	lee.Must("video:toggle-audio", muted)
	lee.Must("video:toggle-audio", muted)
	lee.Must("video:screen-share-stop", theRoom)
	lee.Must("video:toggle-audio", unmuted)
	kim.Expect("video:peer-audio-changed")
	kim.Expect("video:peer-audio-changed")
	if told := kim.Told(); len(told) > 0 {
		t.Errorf("kim was told %v", told)
	}
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "AudioMuted lee", "AudioUnmuted lee")
}

// Two tabs are one participant: what one does holds for both, and the last one leaves.
func TestTwoTabs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server()
	kim, first, second := n.in("kim"), n.in("lee"), n.as("lee")
	first.Must("video:toggle-audio", muted)
	first.Must("video:screen-share-start", theRoom)
	kim.Told()
	second.Must("video:join-room", inRoom)
	second.Must("video:join-room", inRoom)
	changed := kim.Expect("video:peer-audio-changed")
	var about struct {
		SocketID string
		IsMuted  bool
	}
	must(t, json.Unmarshal(changed, &about))
	if about.SocketID != second.ID || !about.IsMuted {
		t.Errorf("kim was told %s of the second tab", changed)
	}
	second.Must("video:toggle-audio", unmuted)
	sockets := map[string]bool{}
	for range 2 {
		must(t, json.Unmarshal(kim.Expect("video:peer-audio-changed"), &about))
		sockets[about.SocketID] = about.IsMuted
	}
	if len(sockets) != 2 || sockets[first.ID] || sockets[second.ID] {
		t.Errorf("kim was told %v", sockets)
	}
	first.Must("video:leave-room", theRoom)
	kim.Expect("video:user-left")
	if got := string(kim.Expect("video:screen-share-stopped")); got != `{"socketId":"`+first.ID+`","userId":"lee"}` {
		t.Errorf("the share is over by %s", got)
	}
	second.Must("video:leave-room", theRoom)
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "AudioMuted lee", "ScreenShareStarted lee",
		"AudioUnmuted lee", "ScreenShareStopped lee", "ParticipantLeft lee left")
}

// Only the record knows who shares on another server: what the room was told is taken back.
func TestAShareThatOnlyTheRecordRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, other := w.server(), w.server()
	kim, lee, park := one.in("kim"), one.in("lee"), other.in("park")
	park.Must("video:screen-share-start", theRoom)
	kim.Told()
	answer := lee.Ask("video:screen-share-start", theRoom)
	golden(t, "screen_share_taken_elsewhere_ack", answer, nil)
	golden(t, "screen_share_taken_elsewhere", lee.Expect("error"), nil)
	lastShare(t, kim, lee.ID, false)
	park.Must("video:screen-share-stop", theRoom)
	lee.Must("video:screen-share-start", theRoom)
	lastShare(t, kim, lee.ID, true)
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ParticipantJoined park",
		"ScreenShareStarted park", "ScreenShareStopped park", "ScreenShareStarted lee")
}

// lastShare wants the client to have been told of sharing, and in the end that the socket does or does not.
func lastShare(t *testing.T, c *realtimetest.Client, socketID string, want bool) {
	t.Helper()
	var about struct {
		SocketID  string
		IsSharing bool
	}
	for {
		must(t, json.Unmarshal(c.Expect("video:peer-screen-share"), &about))
		if about.SocketID == socketID && about.IsSharing == want {
			return
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}

// Who is no longer in the call, by the record, is told so, and so is the room.
func TestAToggleThatTheRecordRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server()
	kim, lee := n.in("kim"), n.in("lee")
	// Given lee's leave that came another way, and the leases as if nobody had noted it
	started, err := n.commands.StartSession(t.Context(), commands.StartSession{StudyID: study, UserID: "lee", At: time.Now()})
	must(t, err)
	_, err = n.commands.LeaveSession(t.Context(), commands.LeaveSession{StudyID: study, SessionID: started.SessionID, UserID: "lee", Reason: "left", At: time.Now()})
	must(t, err)
	if code := lee.Refused("video:toggle-audio", muted); code != "PARTICIPANT_NOT_FOUND" {
		t.Errorf("the toggle: %s", code)
	}
	for _, want := range []string{`true`, `false`} {
		if got := string(kim.Expect("video:peer-audio-changed")); got != `{"socketId":"`+lee.ID+`","userId":"lee","isMuted":`+want+`}` {
			t.Errorf("kim was told %s, want %s", got, want)
		}
	}
}
