package realtime_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/closecode"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/realtime"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// between fails the test unless a time on record, which is in whole milliseconds, is between the moments at which the test
// caused what happened and saw it, however far these are apart.
func between(t *testing.T, what string, got, caused, seen time.Time) {
	t.Helper()
	if got.Before(caused.Truncate(time.Millisecond)) || got.After(seen) {
		t.Errorf("%s is %v, and it was between %v and %v", what, got, caused, seen)
	}
}

// breaks drops a client, and gives a moment since which it may count as gone: of a connection that breaks right after a message
// nobody can know more than when that came.
func breaks(c *realtimetest.Client) time.Time {
	before := time.Now()
	c.Told()
	c.Drop()
	return before
}

// held counts the leases of connections that nobody noted as lost.
func (w *world) held() int {
	w.t.Helper()
	return w.count(`select count(*) from connections where lapses_at is null`)
}

// left is the last event of a user's leaving.
func (w *world) left(user string) domain.ParticipantLeft {
	w.t.Helper()
	var last domain.ParticipantLeft
	for _, e := range w.recorded() {
		if left, is := e.(domain.ParticipantLeft); is && left.UserID == user {
			last = left
		}
	}
	return last
}

func TestWhoIsBackWithinTheGraceNeverLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server()
	kim, lee := n.in("kim"), n.in("lee")
	lee.Must("video:toggle-audio", muted)
	lee.Must("video:toggle-video", `{"roomId":"study-go-main","isVideoOff":true}`)
	kim.Told()
	lee.Drop()
	kim.Expect("video:user-left")
	again := n.in("lee")
	kim.Expect("video:user-joined")
	// The new socket is muted, as the record has it.
	if got := string(kim.Expect("video:peer-audio-changed")); got != `{"socketId":"`+again.ID+`","userId":"lee","isMuted":true}` {
		t.Errorf("kim was told %s", got)
	}
	kim.Expect("video:peer-video-changed")
	// And so it is told of itself.
	if got := string(again.Expect("video:peer-audio-changed")); got != `{"socketId":"`+again.ID+`","userId":"lee","isMuted":true}` {
		t.Errorf("lee was told %s", got)
	}
	if got := string(again.Expect("video:peer-video-changed")); got != `{"socketId":"`+again.ID+`","userId":"lee","isVideoOff":true}` {
		t.Errorf("lee was told %s", got)
	}
	var state struct {
		Participants []struct{ IsMuted, IsVideoOff bool }
	}
	third := n.as("park")
	third.Must("video:join-room", inRoom)
	must(t, json.Unmarshal(third.Expect("video:room-state"), &state))
	if len(state.Participants) != 2 || state.Participants[0].IsMuted || !state.Participants[1].IsMuted || !state.Participants[1].IsVideoOff {
		t.Errorf("park was told %+v", state)
	}
	w.eventually("the old lease is gone", func() bool { return w.count(`select count(*) from connections`) == 3 })
	again.Must("video:toggle-audio", unmuted)
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "AudioMuted lee", "VideoTurnedOff lee",
		"ParticipantJoined park", "AudioUnmuted lee")
}

func TestWhoIsNotBackHasLeftWhenTheConnectionBroke(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server(graceOf(brief))
	kim, lee := n.in("kim"), n.in("lee")
	broke := breaks(lee)
	kim.Expect("video:user-left")
	seen := time.Now()
	w.eventually("lee has left", func() bool { return w.left("lee").UserID != "" })
	between(t, "lee's leave", w.left("lee").At, broke, seen)
	if waited := time.Since(broke); waited < brief {
		t.Errorf("lee has left after %v, before the grace", waited)
	}
	broke = breaks(kim)
	w.eventually("kim is lost", func() bool { return w.held() == 0 })
	seen = time.Now()
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ParticipantLeft lee disconnected",
		"ParticipantLeft kim disconnected", "SessionEnded everyoneLeft")
	between(t, "kim's leave", w.left("kim").At, broke, seen)
	w.eventually("no lease is left", func() bool { return w.count(`select count(*) from connections`) == 0 })
}

// A client that falls silent was last there when it was last heard.
func TestAPingTimeoutIsStampedWithWhenTheClientWasLastHeard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server(graceOf(brief), func(c *realtime.Config, _ *presence.Settings, _ *commands.Settings) {
		c.PingInterval, c.PingTimeout = 200*time.Millisecond, 5*time.Second
	})
	lee := n.in("lee")
	lee.Deafen()
	lee.Told() // the last pong, if one is on its way, comes before what is next
	last := time.Now()
	lee.Told()
	silent := time.Now()
	if code := lee.Closed(); code != closecode.PingTimeout.Number {
		t.Errorf("lee is closed with %d", code)
	}
	w.eventually("lee has left", func() bool { return w.left("lee").UserID != "" })
	between(t, "lee's leave", w.left("lee").At, last, silent)
}

func TestAKilledServersPeopleAreClosedByAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, other := w.server(graceOf(inTime)), w.server(graceOf(inTime))
	kim, lee, park := one.in("kim"), one.in("lee"), other.in("park")
	one.kill()
	said := one.said()
	if code := kim.Closed(); code != 0 && code != 1012 {
		t.Errorf("kim was closed with %d", code)
	}
	lee.Closed()
	back := other.in("lee") // within the grace
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ParticipantJoined park",
		"ParticipantLeft kim disconnected")
	between(t, "kim's leave", w.left("kim").At, said, said)
	back.Must("video:toggle-audio", muted)
	park.Expect("video:peer-audio-changed")
	w.eventually("the killed server's leases are gone", func() bool { return w.count(`select count(*) from connections`) == 2 })
}

// One server alone is killed and started again: who reconnects in time has not left, who does not has.
func TestAServerThatStartsAgainClosesItsOwnPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.server()
	one.in("kim")
	one.in("lee")
	one.kill()
	said := one.said()
	one.outlastGrace()
	two := w.server(graceOf(inTime))
	lee := two.in("lee")
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ParticipantLeft kim disconnected")
	between(t, "kim's leave", w.left("kim").At, said, said)
	lee.Must("video:leave-room", theRoom)
}

func TestADrainIsNobodysLeave(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.server()
	kim, lee, park := one.in("kim"), one.in("lee"), one.plainAs("park")
	park.Must("video:join-room", inRoom)
	mute := kim.Begin("video:toggle-audio", muted)
	kim.Answer(mute)
	drained := time.Now()
	one.drain()
	gone := time.Now()
	for _, c := range []interface{ Closed() int }{kim, lee, park} {
		if code := c.Closed(); code != 1012 {
			t.Errorf("closed with %d", code)
		}
	}
	two := w.server(graceOf(brief))
	two.in("kim")
	two.in("lee")
	w.exec(`update connections set lapses_at = now() where lapses_at is not null`) // the grace is over
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ParticipantJoined park", "AudioMuted kim",
		"ParticipantLeft park disconnected")
	between(t, "park's leave", w.left("park").At, drained, gone)
	if n := w.count(`select count(*) from servers`); n != 1 {
		t.Errorf("%d servers are there", n)
	}
}

func TestPeersOnAnotherServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.server(), w.server()
	kim := one.in("kim")
	kim.Must("video:toggle-audio", muted)
	lee := two.as("lee")
	lee.Must("video:join-room", inRoom)
	var state struct {
		Participants []struct {
			SocketID, UserID string
			IsMuted          bool
			User             struct{ Name string }
		}
	}
	must(t, json.Unmarshal(lee.Expect("video:room-state"), &state))
	if len(state.Participants) != 1 || state.Participants[0].SocketID != kim.ID || !state.Participants[0].IsMuted || state.Participants[0].User.Name != "김철수 🦊" {
		t.Errorf("lee was told %+v", state)
	}
	lee.Must("video:join-room", inRoom)
	again := state
	must(t, json.Unmarshal(lee.Expect("video:room-state"), &again))
	if len(again.Participants) != 1 || again.Participants[0] != state.Participants[0] {
		t.Errorf("joining again, lee was told %+v", again)
	}
	if code := lee.Refused("video:offer", `{"to":"`+kim.ID+`","offer":1}`); code != "PEER_UNREACHABLE" {
		t.Errorf("an offer to another server: %s", code)
	}
	w.eventually("kim's server knows of lee", func() bool {
		kim.Emit("video:offer", `{"to":"`+lee.ID+`","offer":1}`)
		var said struct{ Code string }
		must(t, json.Unmarshal(kim.Expect("error"), &said))
		return said.Code == "PEER_UNREACHABLE"
	})
	// A second tab on the other server: the participant leaves with the last one.
	second := two.in("kim")
	kim.Must("video:leave-room", theRoom)
	second.Must("video:leave-room", theRoom)
	w.happened("SessionStarted kim", "ParticipantJoined kim", "AudioMuted kim", "ParticipantJoined lee", "ParticipantLeft kim left")
}

func TestTheRoomIsFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server(func(_ *realtime.Config, _ *presence.Settings, rules *commands.Settings) { rules.Capacity = 2 })
	n.in("kim")
	lee := n.in("lee")
	n.in("lee") // another tab takes no place
	park := n.as("park")
	if code := park.Refused("video:join-room", inRoom); code != "ROOM_FULL" {
		t.Errorf("the third is refused with %s", code)
	}
	w.eventually("park's lease is taken back", func() bool { return w.count(`select count(*) from connections where user_id = 'park'`) == 0 })
	lee.Drop()
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee")
}

func TestKickedAndSuspended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.server(), w.server()
	kim, lee, tab, park := one.in("kim"), one.in("lee"), two.in("lee"), one.in("park")
	lee.Must("presence:join-study", `{"studyId":"go"}`)
	kim.Told()
	w.exec(`update study_members set status = 'KICKED' where user_id = 'lee'`)
	kim.Expect("video:user-left")
	// Whichever server looks first tells its socket why; the other one may find no more than that the lease is gone.
	told := 0
	for _, c := range []*realtimetest.Client{lee, tab} {
		out := false
		w.eventually("lee is put out", func() bool {
			for _, e := range c.Told() {
				if e.Name == "error" && strings.Contains(string(e.Data), `"NOT_STUDY_MEMBER"`) {
					told++
				}
				out = out || e.Name == "video:user-left" && string(e.Data) == `{"socketId":"`+c.ID+`","userId":"lee"}`
			}
			return out
		})
		if c.IsClosed() {
			t.Error("lee's connection was closed")
		}
	}
	if told == 0 {
		t.Error("lee was not told why")
	}
	w.eventually("lee has left", func() bool { return w.left("lee").UserID != "" })
	w.exec(`update users set status = 'SUSPENDED' where id = 'park'`)
	if code := park.Closed(); code != closecode.Removed.Number {
		t.Errorf("park was closed with %d", code)
	}
	kim.Expect("video:user-left")
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ParticipantJoined park",
		"ParticipantLeft lee removed", "ParticipantLeft park removed")
	if code := one.as("lee").Refused("video:join-room", inRoom); code != "NOT_STUDY_MEMBER" {
		t.Errorf("lee comes back: %s", code)
	}
	w.eventually("one lease is left", func() bool { return w.count(`select count(*) from connections`) == 1 })
}

// Over REST, a participant has neither a socket nor a beat.
func TestJoinsOverREST(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server(graceOf(brief))
	join := func(session, user string) time.Time {
		at := time.Now()
		_, err := n.present.Join(t.Context(), presence.Join{Lease: presence.Lease{StudyID: study, UserID: user}, SessionID: session, At: at})
		must(t, err)
		return at
	}
	started, err := n.commands.StartSession(t.Context(), commands.StartSession{StudyID: study, UserID: "kim", At: time.Now()})
	must(t, err)
	join(started.SessionID, "lee")
	join(started.SessionID, "park")
	// Whoever joins again, or by a socket, stays.
	n.in("kim")
	n.in("park")
	join(started.SessionID, "park")
	last := join(started.SessionID, "lee")
	w.exec(`update connections set lapses_at = lapses_at - interval '1 hour'`) // the empty timeout is over
	w.happened("SessionStarted kim", "ParticipantJoined lee", "ParticipantJoined park", "ParticipantJoined kim", "ParticipantLeft lee expired")
	between(t, "lee's leave", w.left("lee").At, last, last)
}

// soon has whatever was left lying around expire after a second.
func soon(_ *realtime.Config, p *presence.Settings, _ *commands.Settings) {
	p.EmptyTimeout = time.Second
}

func TestASessionThatNobodyJoinsExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server(graceOf(brief), soon)
	_, err := n.commands.StartSession(t.Context(), commands.StartSession{StudyID: study, UserID: "kim", At: time.Now()})
	must(t, err)
	w.happened("SessionStarted kim", "SessionEnded expired")
}

// As after a crash between the command and the lease.
func TestAParticipantWithoutALeaseExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server()
	started, err := n.commands.StartSession(t.Context(), commands.StartSession{StudyID: study, UserID: "kim", At: time.Now()})
	must(t, err)
	at := time.Now()
	_, err = n.commands.JoinSession(t.Context(), commands.JoinSession{StudyID: study, SessionID: started.SessionID, UserID: "kim", At: at})
	must(t, err)
	w.server(graceOf(brief), soon)
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantLeft kim expired", "SessionEnded everyoneLeft")
	between(t, "kim's leave", w.left("kim").At, at, at)
}
