package realtime_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/realtime"
)

// A share moves with its person from one socket to another, and what the old one does later is not about it.
func TestAShareMovesToAnotherSocketOfThePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server()
	kim, first, second := n.in("kim"), n.in("lee"), n.in("lee")
	first.Must("video:screen-share-start", theRoom)
	kim.Expect("video:screen-share-started")
	kim.Told()
	second.Must("video:screen-share-start", theRoom)
	if got := string(kim.Expect("video:screen-share-stopped")); got != `{"socketId":"`+first.ID+`","userId":"lee"}` {
		t.Errorf("stopped: %s", got)
	}
	if got := string(kim.Expect("video:screen-share-started")); got != `{"socketId":"`+second.ID+`","userId":"lee"}` {
		t.Errorf("started: %s", got)
	}
	kim.Told()
	first.Must("video:leave-room", theRoom)
	kim.Expect("video:user-left")
	// Lee still shares, by the room and by the record.
	if code := kim.Refused("video:screen-share-start", theRoom); code != "SCREEN_SHARE_TAKEN" {
		t.Errorf("kim's share: %s", code)
	}
	second.Must("video:screen-share-stop", theRoom)
	if got := string(kim.Expect("video:screen-share-stopped")); got != `{"socketId":"`+second.ID+`","userId":"lee"}` {
		t.Errorf("stopped: %s", got)
	}
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ScreenShareStarted lee", "ScreenShareStopped lee")
}

// Whose connection broke has no share any more when they are back: it ended when the peers saw it end.
func TestAShareEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server()
	kim, lee := n.in("kim"), n.in("lee")
	lee.Must("video:screen-share-start", theRoom)
	broke := breaks(lee)
	if got := string(kim.Expect("video:screen-share-stopped")); got != `{"socketId":"`+lee.ID+`","userId":"lee"}` {
		t.Errorf("stopped: %s", got)
	}
	seen := time.Now()
	again := n.in("lee")
	kim.Must("video:screen-share-start", theRoom)
	kim.Must("video:screen-share-stop", theRoom)
	again.Must("video:screen-share-start", theRoom)
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ScreenShareStarted lee",
		"ScreenShareStopped lee", "ScreenShareStarted kim", "ScreenShareStopped kim", "ScreenShareStarted lee")
	between(t, "the end of the share", w.stopped("lee"), broke, seen)
}

// stopped is when a user's share ended.
func (w *world) stopped(user string) (at time.Time) {
	w.t.Helper()
	for _, e := range w.recorded() {
		if stopped, is := e.(domain.ScreenShareStopped); is && stopped.UserID == user {
			at = stopped.At
		}
	}
	return at
}

// unlimited lets a test ask again and again.
func unlimited(c *realtime.Config, _ *presence.Settings, _ *commands.Settings) {
	c.Rates = realtime.Rates{}
}

// sharers are the sockets that a room's state has as sharing.
func sharers(t *testing.T, state json.RawMessage) (ids []string) {
	t.Helper()
	var room struct {
		Participants []struct {
			SocketID        string
			IsSharingScreen bool
		}
	}
	must(t, json.Unmarshal(state, &room))
	for _, p := range room.Participants {
		if p.IsSharingScreen {
			ids = append(ids, p.SocketID)
		}
	}
	return ids
}

// A second tab on another server shares nothing, while the first one there does. When that server is killed, the share ends as
// of when it was last heard of.
func TestAShareOnAnotherServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.server(), w.server(unlimited)
	park, lee := two.in("park"), one.in("lee")
	lee.Must("video:screen-share-start", theRoom)
	park.Told()
	heard := one.said()
	tab := two.in("lee")
	w.eventually("the record has the share at the one socket alone", func() bool {
		park.Must("video:join-room", inRoom)
		ids := sharers(t, park.Expect("video:room-state"))
		for _, id := range ids {
			if id == tab.ID {
				t.Fatal("the second tab is taken for the sharer")
			}
		}
		return len(ids) == 1 && ids[0] == lee.ID
	})
	for _, e := range park.Told() {
		if e.Name == "video:screen-share-started" {
			t.Errorf("park was told of a share: %s", e.Data)
		}
	}
	one.kill()
	one.outlastGrace()
	w.happened("SessionStarted park", "ParticipantJoined park", "ParticipantJoined lee", "ScreenShareStarted lee", "ScreenShareStopped lee")
	between(t, "the end of the share", w.stopped("lee"), heard, one.said())
	tab.Must("video:screen-share-start", theRoom)
}

// What this server learns of peers elsewhere is what the record has, also when they come after it.
func TestPeersWhoComeLaterOnAnotherServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.server(), w.server(unlimited)
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
	w.eventually("park's server knows how kim is", func() bool {
		park.Must("video:join-room", inRoom)
		must(t, json.Unmarshal(park.Expect("video:room-state"), &state))
		return len(state.Participants) == 1 && state.Participants[0].IsMuted && state.Participants[0].IsVideoOff
	})
	if p := state.Participants[0]; p.SocketID != kim.ID {
		t.Errorf("park was told %+v", p)
	}
	if at := state.Participants[0].JoinedAt; at.Before(before) || at.After(joined) {
		t.Errorf("kim's join is %v, and it was between %v and %v", at, before, joined)
	}
}
