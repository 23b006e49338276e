package main

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres/postgrestest"
)

const (
	truthStudy = "truth"
	// truthGrace is long enough for an actor to reconnect in time on a slow machine.
	truthGrace = 10 * time.Second
)

// Twenty clients on two servers join, toggle, break their connections, reconnect within and after the grace time, leave and
// join again, while one server is killed. The recorded stints and durations are those of the actions, and at the end the call
// is empty.
func TestRecordedStintsMatchTheClientsActions(t *testing.T) {
	t.Parallel()
	skipInShort(t, "30 s")
	url := postgrestest.NewURL(t)
	pool := openPool(t, url)
	users := chaosNames("actor", 20)
	newMembers(t, pool, []string{truthStudy}, users)
	args := []string{"--database-url", url, "--listen=127.0.0.1:0", "--disconnect-grace", truthGrace.String(), "--call-capacity=40"}
	servers := []*process{startProcess(t, args...), startProcess(t, args...)}
	actors := make([]*actor, len(users))
	for i, user := range users {
		seed := uint64(i)
		actors[i] = &actor{t: t, user: user, server: servers[i%2].address, pool: pool, chance: rand.New(rand.NewPCG(seed, 7))}
	}
	together(actors, func(_ int, a *actor) { a.join(); a.improvise(4 * time.Second) })

	together(actors, func(_ int, a *actor) { a.ensureJoined() })
	var alive time.Time // the oldest last beat: the participants of a killed server count as connected until then
	if err := pool.QueryRow(t.Context(), `select min(said_at) from servers`).Scan(&alive); err != nil {
		t.Fatal(err)
	}
	servers[0].kill()
	killed := time.Now()
	if beat >= time.Second {
		t.Error("the end of a connection to a killed server is not known to the second")
	}
	together(actors, func(i int, a *actor) {
		switch {
		case i%4 == 0: // its server was killed; it reconnects in time
			a.pause(200, 1500)
			a.server, a.noLeave = servers[1].address, true
			a.connect()
			a.improvise(4 * time.Second)
			a.until(`select count(*) = 1 from connections where user_id = $1`, a.user)
			a.noLeave = false
		case i%2 == 0: // its server was killed; it does not reconnect in time
			a.server = servers[1].address
			a.rejoin(alive, killed)
		case i%3 == 0: // breaks the connection, and does not reconnect in time
			a.rejoin(a.drop())
		default:
			a.improvise(5 * time.Second)
		}
	})
	together(actors, func(i int, a *actor) {
		a.improvise(2 * time.Second)
		a.ensureJoined()
		a.pause(10, 1000)
		if i%2 == 0 {
			a.leave()
			return
		}
		a.ended(a.drop())
	})

	// One store for all polls: each store has a connection of its own.
	store, err := eventstore.Open(t.Context(), pool, slog.New(slog.DiscardHandler))
	check.NoError(t, err)
	defer store.Close()
	var call domain.Call
	check.Eventually(t, "all actors have left", func() bool {
		call = truthCall(t, store, nil)
		return !call.Session.Open()
	})
	stints := map[string][]timeRange{}
	truthCall(t, store, stints)
	for _, a := range actors {
		a.mustBeOnRecord(stints[a.user], call.Session.Participant(a.user))
	}
}

// together runs a function for every actor concurrently, and waits for all.
func together(actors []*actor, do func(i int, a *actor)) {
	var all sync.WaitGroup
	for i, a := range actors {
		all.Go(func() { do(i, a) })
	}
	all.Wait()
}

// truthCall folds the study's log, and collects every user's stints unless stints is nil.
func truthCall(t *testing.T, store *eventstore.Store, stints map[string][]timeRange) (call domain.Call) {
	t.Helper()
	recorded, err := store.ReadStreamPage(t.Context(), eventstore.Stream(truthStudy), 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recorded {
		event, err := r.Event()
		if err != nil {
			t.Fatal(err)
		}
		call.Evolve(event)
		if stints == nil {
			continue
		}
		switch e := event.(type) {
		case domain.ParticipantJoined:
			stints[e.UserID] = append(stints[e.UserID], timeRange{from: e.At})
		case domain.ParticipantLeft:
			all := stints[e.UserID]
			all[len(all)-1].to = e.At
		}
	}
	return call
}

// mustBeOnRecord compares the actor's notes with the record.
func (a *actor) mustBeOnRecord(stints []timeRange, p *domain.Participant) {
	a.t.Helper()
	if len(stints) != len(a.stints) {
		a.t.Errorf("%s: %d stints are recorded, not %d: %v", a.user, len(stints), len(a.stints), stints)
		return
	}
	for i, want := range a.stints {
		begins, ends := timeRange{want.beginAfter, want.beginBefore}, timeRange{want.endAfter, want.endBefore}
		if got := stints[i]; !begins.contains(got.from) || !ends.contains(got.to) {
			a.t.Errorf("%s: stint %d is recorded as %v, but began within %v and ended within %v", a.user, i, got, begins, ends)
		}
	}
	for state, c := range map[string]struct {
		got  time.Duration
		want []interval
	}{
		"present":    {p.Present.Total, a.stints},
		"muted":      {p.Muted.Total, a.muted.spans},
		"camera off": {p.CameraOff.Total, a.off.spans},
	} {
		if least, most := total(c.want); c.got < least || c.got > most {
			a.t.Errorf("%s: the record has %s for %v, want %v to %v", a.user, state, c.got, least, most)
		}
	}
}

// timeRange is the time between two instants.
type timeRange struct{ from, to time.Time }

// contains reports whether a recorded time may be within the range, given the difference of the clocks.
func (s timeRange) contains(at time.Time) bool {
	return !at.Before(s.from.Add(-clock)) && !at.After(s.to.Add(clock))
}

// String formats the range in seconds of the minute.
func (s timeRange) String() string {
	return fmt.Sprintf("%s–%s", s.from.UTC().Format("05.000"), s.to.UTC().Format("05.000"))
}

func total(all []interval) (least, most time.Duration) {
	for _, s := range all {
		atLeast, atMost := s.bounds()
		least, most = least+atLeast, most+atMost
	}
	return least, most
}
