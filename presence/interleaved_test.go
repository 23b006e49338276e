package presence_test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// A join that meets a sweep waits until the leave is recorded, and then begins a new stint.
func TestAJoinWaitsForASweepOfTheSameParticipant(t *testing.T) {
	t.Parallel()
	s := newServer(t, 50*time.Millisecond)
	s.join("old")
	check.NoError(t, s.Lose(t.Context(), lease("old"), time.Now()))
	began, goOn := make(chan struct{}), make(chan struct{})
	s.leaving = sync.OnceFunc(func() { close(began); <-goOn })
	s.run()
	realtimetest.Receive(t, began) // the sweep holds the participant's lock

	joined := make(chan error, 1)
	go func() { _, err := s.tryJoin("new"); joined <- err }()
	check.Eventually(t, "the join waits for the lock", func() bool { return s.waiting() == 1 })
	select {
	case err := <-joined:
		t.Fatalf("the join did not wait (%v)", err)
	default:
	}
	close(goOn)
	check.NoError(t, realtimetest.Receive(t, joined))

	// The user was the only one in the call, so the leave ended the session, and the join began another.
	mustStay(t, s, "SessionStarted ParticipantJoined ParticipantLeft SessionEnded SessionStarted ParticipantJoined")
	if got := s.leases(); got != "new" {
		t.Errorf("the leases of the sockets %q are left", got)
	}
}

// A sweep ends no stint once the lease of a join is written.
func TestASweepFindsTheLeaseOfAJoin(t *testing.T) {
	t.Parallel()
	s := newServer(t, 50*time.Millisecond)
	s.join("old")
	check.NoError(t, s.Lose(t.Context(), lease("old"), time.Now().Add(-time.Minute)))
	// Given a join that has written its lease and not yet issued its command
	session := s.join("new")
	check.NoError(t, s.WriteLease(t.Context(), lease("newer"), session, time.Now()))
	s.run()
	mustStay(t, s, "SessionStarted ParticipantJoined")
	if got := s.leases(); got != "new newer" {
		t.Errorf("the leases of the sockets %q are left", got)
	}
}

// Whatever the order of a join and a sweep, a user with a lease is in the call afterwards.
func TestJoinsAndSweepsAtRandomMoments(t *testing.T) {
	t.Parallel()
	s := newServer(t, time.Millisecond)
	pause := func(most time.Duration) { <-time.After(rand.N(most)) }
	s.leaving = func() { pause(10 * time.Millisecond) } // the sweep holds the lock for a while
	s.run()
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for range rounds {
		s.join("a")
		check.NoError(t, s.Lose(t.Context(), lease("a"), time.Now()))
		pause(30 * time.Millisecond)
		s.join("b")
		pause(30 * time.Millisecond)
		if inCall, log := s.inCall(), s.log(); !inCall {
			t.Fatalf("kim has a lease and is not in the call; the log ends with %s", log[max(0, len(log)-200):])
		}
		s.leave("b", s.session(), time.Now())
	}
	if got := s.leases(); got != "" {
		t.Errorf("the leases of the sockets %q are left", got)
	}
}

// mustStay lets the sweep run several times, and checks that it leaves the log unchanged. A lapsed lease of another user shows
// that a sweep has run.
func mustStay(t *testing.T, s *server, want string) {
	t.Helper()
	other := presence.Lease{StudyID: "rust", UserID: "lee", SocketID: "another's"}
	for range 5 {
		check.NoError(t, s.WriteLease(t.Context(), other, "no-session", time.Now()))
		check.NoError(t, s.Lose(t.Context(), other, time.Now().Add(-time.Minute)))
		check.Eventually(t, "a sweep has run", func() bool { return !strings.Contains(s.leases(), other.SocketID) })
	}
	if got := s.log(); got != want {
		t.Errorf("the log is %s, want %s", got, want)
	}
}

// The lapsed lease of a session that the user never joined is deleted, and nothing is recorded.
func TestTheLeaseOfAFailedJoinIsOnlyDeleted(t *testing.T) {
	t.Parallel()
	s := newServer(t, 50*time.Millisecond)
	s.run()
	check.NoError(t, s.WriteLease(t.Context(), lease("a"), "no-session", time.Now()))
	check.NoError(t, s.Lose(t.Context(), lease("a"), time.Now()))
	check.Eventually(t, "the lease is deleted", func() bool { return s.leases() == "" })
	if got := s.log(); got != "" {
		t.Errorf("the log is %s", got)
	}
}

// A server sweeps only after its own contact with the database was unbroken for the grace time.
func TestASweepWaitsForTheWholeGrace(t *testing.T) {
	t.Parallel()
	const grace = 400 * time.Millisecond
	s := newServer(t, grace)
	s.join("old")
	check.NoError(t, s.Lose(t.Context(), lease("old"), time.Now().Add(-time.Hour)))
	began := time.Now()
	s.run()
	check.Eventually(t, "the lease is deleted", func() bool { return s.leases() == "" })
	if waited := time.Since(began); waited < grace {
		t.Errorf("swept after %v, before the grace of %v", waited, grace)
	}
}

// The user leaves by one tab while another tab's connection is dead and not yet noticed. The stint ends at the time of the leave.
func TestALeaveBesideADeadConnectionKeepsItsTime(t *testing.T) {
	t.Parallel()
	s := newServer(t, 50*time.Millisecond)
	s.run()
	session := s.join("dead")
	dead := time.Now()
	s.join("alive")
	left := dead.Add(time.Second)
	s.leave("alive", session, left)
	if !s.inCall() {
		t.Fatal("kim is not in the call, although the other tab has a lease")
	}
	check.NoError(t, s.Lose(t.Context(), lease("dead"), dead))
	check.Eventually(t, "the user has left", func() bool { return !s.inCall() })
	if got, want := s.call().Session.EndedAt, left.UTC().Truncate(time.Millisecond); !got.Equal(want) {
		t.Errorf("left at %v, want %v", got, want)
	}
}
