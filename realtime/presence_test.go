package realtime_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/closecode"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/realtime"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// between checks that a recorded time, in whole milliseconds, is between the cause in the test and its observation.
func between(t *testing.T, what string, got, caused, seen time.Time) {
	t.Helper()
	if got.Before(caused.Truncate(time.Millisecond)) || got.After(seen) {
		t.Errorf("%s is at %v, want a time between %v and %v", what, got, caused, seen)
	}
}

// breaks drops a client, and returns the earliest time that may be recorded for it: that of its last message.
func breaks(c *realtimetest.Client) time.Time {
	before := time.Now()
	c.Received()
	c.Drop()
	return before
}

// held counts the leases that are not lost.
func (c *cluster) held() int {
	c.t.Helper()
	return c.count(`select count(*) from connections where lapses_at is null`)
}

// left returns the latest leave of a user.
func (c *cluster) left(user string) domain.ParticipantLeft {
	c.t.Helper()
	var last domain.ParticipantLeft
	for _, e := range c.recorded() {
		if left, is := e.(domain.ParticipantLeft); is && left.UserID == user {
			last = left
		}
	}
	return last
}

func TestAReconnectWithinTheGraceTimeIsNoLeave(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server()
	kim, lee := server.in("kim"), server.in("lee")
	lee.Must("video:toggle-audio", muted)
	lee.Must("video:toggle-video", `{"roomId":"study-go-main","isVideoOff":true}`)
	kim.Received()
	lee.Drop()
	kim.Expect("video:user-left")
	again := server.in("lee")
	kim.Expect("video:user-joined")
	// The new socket is muted, as recorded.
	if got := string(kim.Expect("video:peer-audio-changed")); got != `{"socketId":"`+again.ID+`","userId":"lee","isMuted":true}` {
		t.Errorf("kim received %s", got)
	}
	kim.Expect("video:peer-video-changed")
	// The new socket itself gets its state too.
	if got := string(again.Expect("video:peer-audio-changed")); got != `{"socketId":"`+again.ID+`","userId":"lee","isMuted":true}` {
		t.Errorf("lee received %s", got)
	}
	if got := string(again.Expect("video:peer-video-changed")); got != `{"socketId":"`+again.ID+`","userId":"lee","isVideoOff":true}` {
		t.Errorf("lee received %s", got)
	}
	var state struct {
		Participants []struct{ IsMuted, IsVideoOff bool }
	}
	third := server.as("park")
	third.Must("video:join-room", inRoom)
	check.NoError(t, json.Unmarshal(third.Expect("video:room-state"), &state))
	if len(state.Participants) != 2 || state.Participants[0].IsMuted || !state.Participants[1].IsMuted || !state.Participants[1].IsVideoOff {
		t.Errorf("park received %+v", state)
	}
	check.Eventually(t, "the old lease is deleted", func() bool { return cluster.count(`select count(*) from connections`) == 3 })
	again.Must("video:toggle-audio", unmuted)
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "AudioMuted lee", "VideoTurnedOff lee",
		"ParticipantJoined park", "AudioUnmuted lee")
}

func TestWithoutAReconnectTheLeaveHasTheTimeOfTheBreak(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server(graceOf(brief))
	kim, lee := server.in("kim"), server.in("lee")
	broke := breaks(lee)
	kim.Expect("video:user-left")
	seen := time.Now()
	check.Eventually(t, "lee has left", func() bool { return cluster.left("lee").UserID != "" })
	between(t, "lee's leave", cluster.left("lee").At, broke, seen)
	if waited := time.Since(broke); waited < brief {
		t.Errorf("lee has left after %v, before the grace", waited)
	}
	broke = breaks(kim)
	check.Eventually(t, "kim's lease is lost", func() bool { return cluster.held() == 0 })
	seen = time.Now()
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ParticipantLeft lee disconnected",
		"ParticipantLeft kim disconnected", "SessionEnded everyoneLeft")
	between(t, "kim's leave", cluster.left("kim").At, broke, seen)
	check.Eventually(t, "all leases are deleted", func() bool { return cluster.count(`select count(*) from connections`) == 0 })
}

// The leave of a silent client has the time of its last frame.
func TestALeaveAfterAPingTimeoutHasTheTimeOfTheLastFrame(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server(graceOf(brief), func(c *realtime.Config, _ *presence.Settings, _ *commands.Settings) {
		c.PingInterval, c.PingTimeout = 200*time.Millisecond, 5*time.Second
	})
	lee := server.in("lee")
	lee.Deafen()
	lee.Received() // a pong in flight arrives before the next message
	last := time.Now()
	lee.Received()
	silent := time.Now()
	if code := lee.Closed(); code != closecode.PingTimeout.Number {
		t.Errorf("lee is closed with %d", code)
	}
	check.Eventually(t, "lee has left", func() bool { return cluster.left("lee").UserID != "" })
	between(t, "lee's leave", cluster.left("lee").At, last, silent)
}

func TestAnotherServerEndsTheStintsOfAKilledServer(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	one, other := cluster.server(graceOf(inTime)), cluster.server(graceOf(inTime))
	kim, lee, park := one.in("kim"), one.in("lee"), other.in("park")
	one.kill()
	said := one.lastBeat()
	if code := kim.Closed(); code != 0 && code != 1012 {
		t.Errorf("kim was closed with %d", code)
	}
	lee.Closed()
	back := other.in("lee") // within the grace time
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ParticipantJoined park",
		"ParticipantLeft kim disconnected")
	between(t, "kim's leave", cluster.left("kim").At, said, said)
	back.Must("video:toggle-audio", muted)
	park.Expect("video:peer-audio-changed")
	check.Eventually(t, "the killed server's leases are deleted", func() bool { return cluster.count(`select count(*) from connections`) == 2 })
}

// After a restart of the only server, a user who reconnects in time has not left, and one who does not has.
func TestARestartedServerEndsItsOwnEarlierStints(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	one := cluster.server()
	one.in("kim")
	one.in("lee")
	one.kill()
	said := one.lastBeat()
	one.outlastGrace()
	two := cluster.server(graceOf(inTime))
	lee := two.in("lee")
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ParticipantLeft kim disconnected")
	between(t, "kim's leave", cluster.left("kim").At, said, said)
	lee.Must("video:leave-room", theRoom)
}

func TestADrainIsNoLeave(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	one := cluster.server()
	kim, lee, park := one.in("kim"), one.in("lee"), one.plainAs("park")
	park.Must("video:join-room", inRoom)
	mute := kim.Begin("video:toggle-audio", muted)
	kim.Answer(mute)
	drained := time.Now()
	one.drain()
	drainEnded := time.Now()
	for _, c := range []interface{ Closed() int }{kim, lee, park} {
		if code := c.Closed(); code != 1012 {
			t.Errorf("closed with %d", code)
		}
	}
	two := cluster.server(graceOf(brief))
	two.in("kim")
	two.in("lee")
	cluster.exec(`update connections set lapses_at = now() where lapses_at is not null`) // the grace time is over
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ParticipantJoined park", "AudioMuted kim",
		"ParticipantLeft park disconnected")
	between(t, "park's leave", cluster.left("park").At, drained, drainEnded)
	if count := cluster.count(`select count(*) from servers`); count != 1 {
		t.Errorf("%d servers are registered", count)
	}
}

func TestPeersOnAnotherServer(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	one, two := cluster.server(), cluster.server()
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
	check.NoError(t, json.Unmarshal(lee.Expect("video:room-state"), &state))
	if len(state.Participants) != 1 || state.Participants[0].SocketID != kim.ID || !state.Participants[0].IsMuted || state.Participants[0].User.Name != "김철수 🦊" {
		t.Errorf("lee received %+v", state)
	}
	lee.Must("video:join-room", inRoom)
	again := state
	check.NoError(t, json.Unmarshal(lee.Expect("video:room-state"), &again))
	if len(again.Participants) != 1 || again.Participants[0] != state.Participants[0] {
		t.Errorf("joining again, lee received %+v", again)
	}
	if code := lee.Refused("video:offer", `{"to":"`+kim.ID+`","offer":1}`); code != "PEER_UNREACHABLE" {
		t.Errorf("an offer to another server: %s", code)
	}
	check.Eventually(t, "kim's server has read lee's lease", func() bool {
		kim.Emit("video:offer", `{"to":"`+lee.ID+`","offer":1}`)
		var said struct{ Code string }
		check.NoError(t, json.Unmarshal(kim.Expect("error"), &said))
		return said.Code == "PEER_UNREACHABLE"
	})
	// A second tab on the other server: the participant leaves with the last one.
	second := two.in("kim")
	kim.Must("video:leave-room", theRoom)
	second.Must("video:leave-room", theRoom)
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "AudioMuted kim", "ParticipantJoined lee", "ParticipantLeft kim left")
}

func TestAJoinOfAFullCallIsRefused(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server(func(_ *realtime.Config, _ *presence.Settings, rules *commands.Settings) { rules.Capacity = 2 })
	server.in("kim")
	lee := server.in("lee")
	server.in("lee") // another tab does not count
	park := server.as("park")
	if code := park.Refused("video:join-room", inRoom); code != "ROOM_FULL" {
		t.Errorf("the third is refused with %s", code)
	}
	check.Eventually(t, "park's lease is deleted", func() bool { return cluster.count(`select count(*) from connections where user_id = 'park'`) == 0 })
	lee.Drop()
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee")
}

func TestKickedMembersAndSuspendedUsersAreTakenOut(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	one, two := cluster.server(), cluster.server()
	kim, lee, tab, park := one.in("kim"), one.in("lee"), two.in("lee"), one.in("park")
	lee.Must("presence:join-study", `{"studyId":"go"}`)
	kim.Received()
	cluster.exec(`update study_members set status = 'KICKED' where user_id = 'lee'`)
	kim.Expect("video:user-left")
	// The server that checks first sends its socket the reason. The other server may find only that the lease is deleted.
	errorEvents := 0
	for _, c := range []*realtimetest.Client{lee, tab} {
		out := false
		check.Eventually(t, "lee is taken out of the room", func() bool {
			for _, e := range c.Received() {
				if e.Name == "error" && strings.Contains(string(e.Data), `"NOT_STUDY_MEMBER"`) {
					errorEvents++
				}
				out = out || e.Name == "video:user-left" && string(e.Data) == `{"socketId":"`+c.ID+`","userId":"lee"}`
			}
			return out
		})
		if c.IsClosed() {
			t.Error("lee's connection was closed")
		}
	}
	if errorEvents == 0 {
		t.Error("lee did not get the reason")
	}
	check.Eventually(t, "lee has left", func() bool { return cluster.left("lee").UserID != "" })
	cluster.exec(`update users set status = 'SUSPENDED' where id = 'park'`)
	if code := park.Closed(); code != closecode.Removed.Number {
		t.Errorf("park was closed with %d", code)
	}
	kim.Expect("video:user-left")
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ParticipantJoined park",
		"ParticipantLeft lee removed", "ParticipantLeft park removed")
	if code := one.as("lee").Refused("video:join-room", inRoom); code != "NOT_STUDY_MEMBER" {
		t.Errorf("lee's join after the kick: %s", code)
	}
	check.Eventually(t, "one lease is left", func() bool { return cluster.count(`select count(*) from connections`) == 1 })
}

// A join over REST without a socket expires after the empty timeout.
func TestAJoinOverRESTExpires(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server(graceOf(brief))
	join := func(session, user string) time.Time {
		at := time.Now()
		_, err := server.present.Join(t.Context(), presence.Join{Lease: presence.Lease{StudyID: study, UserID: user}, SessionID: session, At: at})
		check.NoError(t, err)
		return at
	}
	started, err := server.commands.StartSession(t.Context(), commands.StartSession{StudyID: study, UserID: "kim", At: time.Now()})
	check.NoError(t, err)
	join(started.SessionID, "lee")
	join(started.SessionID, "park")
	// A user who joins again, or by a socket, stays.
	server.in("kim")
	server.in("park")
	join(started.SessionID, "park")
	last := join(started.SessionID, "lee")
	cluster.exec(`update connections set lapses_at = lapses_at - interval '1 hour'`) // the empty timeout is over
	cluster.happened("SessionStarted kim", "ParticipantJoined lee", "ParticipantJoined park", "ParticipantJoined kim", "ParticipantLeft lee expired")
	between(t, "lee's leave", cluster.left("lee").At, last, last)
}

// soon sets an empty timeout of a second.
func soon(_ *realtime.Config, p *presence.Settings, _ *commands.Settings) {
	p.EmptyTimeout = time.Second
}

func TestASessionThatNobodyJoinsExpires(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server(graceOf(brief), soon)
	_, err := server.commands.StartSession(t.Context(), commands.StartSession{StudyID: study, UserID: "kim", At: time.Now()})
	check.NoError(t, err)
	cluster.happened("SessionStarted kim", "SessionEnded expired")
}

// This happens after a crash between the command and the lease.
func TestAParticipantWithoutALeaseExpires(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server()
	started, err := server.commands.StartSession(t.Context(), commands.StartSession{StudyID: study, UserID: "kim", At: time.Now()})
	check.NoError(t, err)
	at := time.Now()
	_, err = server.commands.JoinSession(t.Context(), commands.JoinSession{StudyID: study, SessionID: started.SessionID, UserID: "kim", At: at})
	check.NoError(t, err)
	cluster.server(graceOf(brief), soon)
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantLeft kim expired", "SessionEnded everyoneLeft")
	between(t, "kim's leave", cluster.left("kim").At, at, at)
}
