package realtime_test

import (
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/presence"
)

// leaves takes a user out of the call over REST.
func (s *server) leaves(user string) {
	t := s.cluster.t
	t.Helper()
	at := time.Now()
	started, err := s.commands.StartSession(t.Context(), commands.StartSession{StudyID: study, UserID: user, At: at})
	check.NoError(t, err)
	_, err = s.present.Leave(t.Context(), presence.Leave{Lease: presence.Lease{StudyID: study, UserID: user}, SessionID: started.SessionID, At: at})
	check.NoError(t, err)
}

// After a leave over REST the socket gets user-left and stays connected, so that its client does not reconnect and join again.
func TestALeaveOverRESTTakesTheSocketsOutOfTheRoom(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server()
	kim, park := server.in("kim"), server.in("park")
	kim.Received()
	server.leaves("park")
	userLeft := `{"socketId":"` + park.ID + `","userId":"park"}`
	if got := string(kim.Expect("video:user-left")); got != userLeft {
		t.Errorf("kim received %s", got)
	}
	if got := string(park.Expect("video:user-left")); got != userLeft {
		t.Errorf("park received %s", got)
	}
	if code := park.Refused("video:toggle-audio", muted); code != "PERMISSION_DENIED" {
		t.Errorf("a toggle: %s", code)
	}
	// The connection can join again.
	park.Must("video:join-room", inRoom)
	kim.Expect("video:user-joined")
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined park", "ParticipantLeft park left",
		"ParticipantJoined park")
}

// Another server swept the leases while this server was silent. Its clients have to reconnect and join again.
func TestTheClientsOfAServerThatWasPresumedDeadReconnect(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server(graceOf(brief))
	kim, park := server.in("kim"), server.in("park")
	cluster.server(graceOf(brief)) // sweeps
	silenced, err := cluster.pool.Begin(t.Context())
	check.NoError(t, err)
	_, err = silenced.Exec(t.Context(), `select from servers where server_id = (select server_id from connections limit 1) for update`)
	check.NoError(t, err)
	check.Eventually(t, "the other server has swept", func() bool { return cluster.count(`select count(*) from connections`) == 0 })
	check.NoError(t, silenced.Rollback(t.Context()))
	for _, c := range []interface{ Closed() int }{kim, park} {
		if code := c.Closed(); code != 1012 {
			t.Errorf("closed with %d", code)
		}
	}
}

// A leave whose statement the database cancels once (57014, which is no outage) is retried, and keeps its time.
func TestALeaveIsRetriedAfterACancelledStatement(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server()
	kim, lee := server.in("kim"), server.in("lee")
	cluster.exec(`create sequence attempts`)
	cluster.exec(`create function cancel() returns trigger language plpgsql as $$ begin
		if nextval('attempts') = 1 then raise exception using errcode = '57014', message = 'canceling statement'; end if;
		return old; end $$`)
	cluster.exec(`create trigger cancelled before delete on connections for each row execute function cancel()`)
	left := time.Now()
	leaving := lee.Begin("video:leave-room", theRoom)
	kim.Expect("video:user-left")
	seen := time.Now()
	if got := string(lee.Answer(leaving)); got != `{"ok":true}` {
		t.Errorf("the leave is answered with %s", got)
	}
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ParticipantLeft lee left")
	between(t, "lee's leave", cluster.left("lee").At, left, seen)
	if tries := cluster.count(`select last_value from attempts`); tries != 2 {
		t.Errorf("%d attempts", tries)
	}
}

// A lease without a socket, as after a leave that failed for good, does not keep its user in the call.
func TestALeaseWithoutASocketIsLost(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server(graceOf(brief))
	server.in("kim")
	at := time.Now()
	_, err := server.present.Join(t.Context(), presence.Join{Lease: presence.Lease{StudyID: study, UserID: "lee", SocketID: "nobody's"}, At: at})
	check.NoError(t, err)
	check.Eventually(t, "the lease is lost", func() bool { return cluster.held() == 1 })
	seen := time.Now()
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee", "ParticipantLeft lee disconnected")
	between(t, "lee's leave", cluster.left("lee").At, at, seen)
	check.Eventually(t, "the lease is deleted", func() bool { return cluster.count(`select count(*) from connections`) == 1 })
}
