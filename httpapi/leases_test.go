package httpapi_test

import "testing"

// Whoever joins over REST holds the call's place until the lease runs out, or they leave.
func TestAJoinOverRESTHasALease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leases := func() (n int) {
		must(t, w.pool.QueryRow(t.Context(), `select count(*) from connections where kind = 'rest' and study_id = 'study-123'`).Scan(&n))
		return n
	}
	id := w.start()
	if got := w.ask(member, "POST", "join", naming(id)); got.status != 201 || leases() != 1 {
		t.Errorf("join: %+v, %d leases", got, leases())
	}
	if got := w.ask(member, "POST", "join", naming(id)); got.status != 200 || leases() != 1 {
		t.Errorf("join again: %+v, %d leases", got, leases())
	}
	refused(t, "a stranger", 403, "NOT_STUDY_MEMBER", w.ask(outsider, "POST", "join", naming(id)))
	if leases() != 1 {
		t.Error("a stranger has a lease")
	}
	if got := w.ask(member, "POST", "leave", naming(id)); got.status != 200 || leases() != 0 {
		t.Errorf("leave: %+v, %d leases", got, leases())
	}
}
