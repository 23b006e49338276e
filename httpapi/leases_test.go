package httpapi_test

import (
	"testing"
	"time"

	"github.com/studycall/studycall/check"
)

// A user who joins over REST stays in the call until the lease expires or the user leaves.
func TestAJoinOverRESTHasALease(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	leases := func() int { return s.leases(t) }
	id := s.start()
	if got := s.ask(member, "POST", "join", naming(id)); got.status != 201 || leases() != 1 {
		t.Errorf("join: %+v, %d leases", got, leases())
	}
	if got := s.ask(member, "POST", "join", naming(id)); got.status != 200 || leases() != 1 {
		t.Errorf("join again: %+v, %d leases", got, leases())
	}
	refused(t, "a stranger", 403, "NOT_STUDY_MEMBER", s.ask(outsider, "POST", "join", naming(id)))
	if leases() != 1 {
		t.Error("a stranger has a lease")
	}
	lease := func() (session string, lapses time.Time) {
		check.NoError(t, s.pool.QueryRow(t.Context(), `select session_id, lapses_at from connections`).Scan(&session, &lapses))
		return session, lapses
	}
	session, lapses := lease()
	refused(t, "an unknown session", 400, "SESSION_NOT_FOUND", s.ask(member, "POST", "join", naming("unknown")))
	if named, later := lease(); named != session || !later.Equal(lapses) {
		t.Errorf("a refused join made the lease one of %s until %s, from %s until %s", named, later, session, lapses)
	}
	refused(t, "an unknown session", 400, "SESSION_NOT_FOUND", s.ask(admin, "POST", "join", naming("unknown")))
	if leases() != 1 {
		t.Error("a user who did not join has a lease")
	}
	if got := s.ask(member, "POST", "leave", naming(id)); got.status != 200 || leases() != 0 {
		t.Errorf("leave: %+v, %d leases", got, leases())
	}
}
