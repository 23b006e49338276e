package presence_test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// The user comes back at the very moment at which the sweep has decided that they are gone: the leave is recorded, then the
// join, which begins a new stint that nothing ends.
func TestAJoinThatMeetsASweep(t *testing.T) {
	t.Parallel()
	s := newServer(t, 50*time.Millisecond)
	s.join("old")
	must(t, s.Lose(t.Context(), lease("old"), time.Now()))
	began, goOn := make(chan struct{}), make(chan struct{})
	s.leaving = sync.OnceFunc(func() { close(began); <-goOn })
	s.run()
	realtimetest.Receive(t, began) // the sweep has the participant's lock, and is about to leave

	joined := make(chan error, 1)
	go func() { _, err := s.tryJoin("new"); joined <- err }()
	s.eventually("the join waits for the sweep", func() bool { return s.waiting() == 1 })
	select {
	case err := <-joined:
		t.Fatalf("the join did not wait (%v)", err)
	default:
	}
	close(goOn)
	must(t, realtimetest.Receive(t, joined))

	// The user was the only one in the call, so the leave ended the session, and the join began another.
	mustStay(t, s, "SessionStarted ParticipantJoined ParticipantLeft SessionEnded SessionStarted ParticipantJoined")
	if got := s.leases(); got != "new" {
		t.Errorf("the leases of %q are left", got)
	}
}

// The other way round: the lease is written before the sweep looks.
func TestASweepThatMeetsAJoin(t *testing.T) {
	t.Parallel()
	s := newServer(t, 50*time.Millisecond)
	s.join("old")
	must(t, s.Lose(t.Context(), lease("old"), time.Now().Add(-time.Minute)))
	// Given a join that has its lease, and has not yet carried out the command
	session := s.join("new")
	must(t, s.Join(t.Context(), lease("newer"), session, time.Now()))
	s.run()
	mustStay(t, s, "SessionStarted ParticipantJoined")
	if got := s.leases(); got != "new newer" {
		t.Errorf("the leases of %q are left", got)
	}
}

// Many times at random moments: however they meet, whoever has a lease in the end is in the call.
func TestJoinsAndSweepsAtRandomMoments(t *testing.T) {
	t.Parallel()
	s := newServer(t, time.Millisecond)
	pause := func(most time.Duration) { <-time.After(rand.N(most)) }
	s.leaving = func() { pause(10 * time.Millisecond) } // so that there is time to meet
	s.run()
	for range 60 {
		s.join("a")
		must(t, s.Lose(t.Context(), lease("a"), time.Now()))
		pause(30 * time.Millisecond)
		s.join("b")
		pause(30 * time.Millisecond)
		if inCall, log := s.inCall(), s.log(); !inCall {
			t.Fatalf("has a lease and is not in the call; the log ends with %s", log[max(0, len(log)-200):])
		}
		must(t, s.Leave(t.Context(), lease("b"), s.session(), time.Now()))
	}
	if got := s.leases(); got != "" {
		t.Errorf("the leases of %q are left", got)
	}
}

// mustStay gives the sweep the chance to do harm: several rounds, each of which shows by a lapsed lease of somebody else that it
// takes away.
func mustStay(t *testing.T, s *server, want string) {
	t.Helper()
	other := presence.Lease{StudyID: "rust", UserID: "lee", SocketID: "another's"}
	for range 5 {
		must(t, s.Join(t.Context(), other, "no-session", time.Now()))
		must(t, s.Lose(t.Context(), other, time.Now().Add(-time.Minute)))
		s.eventually("the sweep has gone round", func() bool { return !strings.Contains(s.leases(), other.SocketID) })
	}
	if got := s.log(); got != want {
		t.Errorf("the log is %s, want %s", got, want)
	}
}

// A lease of no session that the user joined, as of a join that failed, is only taken away.
func TestALeaseWithoutAJoin(t *testing.T) {
	t.Parallel()
	s := newServer(t, 50*time.Millisecond)
	s.run()
	must(t, s.Join(t.Context(), lease("a"), "no-session", time.Now()))
	must(t, s.Lose(t.Context(), lease("a"), time.Now()))
	s.eventually("the lease is gone", func() bool { return s.leases() == "" })
	if got := s.log(); got != "" {
		t.Errorf("the log is %s", got)
	}
}

// A server may judge only after its own contact with the database was unbroken for the grace time.
func TestASweepWaitsForTheWholeGrace(t *testing.T) {
	t.Parallel()
	const grace = 400 * time.Millisecond
	s := newServer(t, grace)
	s.join("old")
	must(t, s.Lose(t.Context(), lease("old"), time.Now().Add(-time.Hour)))
	began := time.Now()
	s.run()
	s.eventually("the lease is gone", func() bool { return s.leases() == "" })
	if waited := time.Since(began); waited < grace {
		t.Errorf("swept after %v, before the grace of %v", waited, grace)
	}
}

// The user left by one tab, and the other one had been dead for long without anybody noticing: the leave is when the user said so.
func TestALeaveBesideADeadConnection(t *testing.T) {
	t.Parallel()
	s := newServer(t, 50*time.Millisecond)
	s.run()
	session := s.join("dead")
	dead := time.Now()
	s.join("alive")
	left := dead.Add(time.Second)
	must(t, s.Leave(t.Context(), lease("alive"), session, left))
	if !s.inCall() {
		t.Fatal("the other tab does not count")
	}
	must(t, s.Lose(t.Context(), lease("dead"), dead))
	s.eventually("the user has left", func() bool { return !s.inCall() })
	if got, want := s.call().Session.EndedAt, left.UTC().Truncate(time.Millisecond); !got.Equal(want) {
		t.Errorf("left at %v, want %v", got, want)
	}
}
