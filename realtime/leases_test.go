package realtime_test

import (
	"testing"
	"time"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/presence"
)

// leaves does what a leave over REST does.
func (n *node) leaves(user string) {
	t := n.world.t
	t.Helper()
	at := time.Now()
	started, err := n.commands.StartSession(t.Context(), commands.StartSession{StudyID: study, UserID: user, At: at})
	must(t, err)
	_, err = n.present.Leave(t.Context(), presence.Leave{Lease: presence.Lease{StudyID: study, UserID: user}, SessionID: started.SessionID, At: at})
	must(t, err)
}

// Who leaves over REST stays out: the socket is told so, and stays connected, so that no client reconnects and joins again.
func TestALeaveOverRESTPutsTheSocketsOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server()
	kim, park := n.in("kim"), n.in("park")
	kim.Told()
	n.leaves("park")
	gone := `{"socketId":"` + park.ID + `","userId":"park"}`
	if got := string(kim.Expect("video:user-left")); got != gone {
		t.Errorf("kim was told %s", got)
	}
	if got := string(park.Expect("video:user-left")); got != gone {
		t.Errorf("park was told %s", got)
	}
	if code := park.Refused("video:toggle-audio", muted); code != "PERMISSION_DENIED" {
		t.Errorf("a toggle: %s", code)
	}
	// The connection stands, and is good for another join, if park wants it.
	park.Must("video:join-room", inRoom)
	kim.Expect("video:user-joined")
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined park", "ParticipantLeft park left",
		"ParticipantJoined park")
}

// What others swept while this server was silent are not its users' wishes: they are to come back.
func TestWhoseServerWasTakenForDeadReconnects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server(graceOf(brief))
	kim, park := n.in("kim"), n.in("park")
	w.server(graceOf(brief)) // sweeps
	silenced, err := w.pool.Begin(t.Context())
	must(t, err)
	_, err = silenced.Exec(t.Context(), `select from servers where server_id = (select server_id from connections limit 1) for update`)
	must(t, err)
	w.eventually("the other server has swept", func() bool { return w.count(`select count(*) from connections`) == 0 })
	must(t, silenced.Rollback(t.Context()))
	for _, c := range []interface{ Closed() int }{kim, park} {
		if code := c.Closed(); code != 1012 {
			t.Errorf("closed with %d", code)
		}
	}
}

// A leave that the database cancels once (57014 is not its being away) is tried again, and is stamped with its true time.
func TestALeaveThatIsCancelledOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server()
	kim, lee := n.in("kim"), n.in("lee")
	w.exec(`create sequence attempts`)
	w.exec(`create function cancel() returns trigger language plpgsql as $$ begin
		if nextval('attempts') = 1 then raise exception using errcode = '57014', message = 'canceling statement'; end if;
		return old; end $$`)
	w.exec(`create trigger cancelled before delete on connections for each row execute function cancel()`)
	left := time.Now()
	leaving := lee.Begin("video:leave-room", theRoom)
	kim.Expect("video:user-left")
	seen := time.Now()
	if got := string(lee.Answer(leaving)); got != `{"ok":true}` {
		t.Errorf("the leave is answered with %s", got)
	}
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ParticipantLeft lee left")
	between(t, "lee's leave", w.left("lee").At, left, seen)
	if tries := w.count(`select last_value from attempts`); tries != 2 {
		t.Errorf("%d attempts", tries)
	}
}

// A lease that no socket has, as after a leave that could not be carried out, does not keep its user in the call.
func TestALeaseWithoutASocketIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server(graceOf(brief))
	n.in("kim")
	at := time.Now()
	_, err := n.present.Join(t.Context(), presence.Join{Lease: presence.Lease{StudyID: study, UserID: "lee", SocketID: "nobody's"}, At: at})
	must(t, err)
	w.eventually("the lease is lost", func() bool { return w.held() == 1 })
	seen := time.Now()
	w.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ParticipantLeft lee disconnected")
	between(t, "lee's leave", w.left("lee").At, at, seen)
	w.eventually("the lease is gone", func() bool { return w.count(`select count(*) from connections`) == 1 })
}
