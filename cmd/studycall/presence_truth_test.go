package main

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

const (
	truthStudy = "truth"
	truthGrace = 3 * time.Second
	// truthTolerance is how far the record may be from what happened: a killed server's people are known to the second.
	truthTolerance = time.Second
)

// TestTheRecordIsWhatHappened: twenty clients over two servers join, toggle, drop without a word, come back within and
// after the grace, leave and join again, while one server is killed. The recorded stints and seconds are the script's,
// and in the end nobody is left in the call.
func TestTheRecordIsWhatHappened(t *testing.T) {
	t.Parallel()
	url := postgrestest.NewURL(t)
	pool, err := postgres.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	users := chaosNames("actor", 20)
	newMembers(t, pool, []string{truthStudy}, users)
	args := []string{"--database-url", url, "--listen=127.0.0.1:0", "--disconnect-grace", truthGrace.String(), "--call-capacity=40"}
	servers := []*process{startProcess(t, args...), startProcess(t, args...)}
	actors := make([]*actor, len(users))
	for i, user := range users {
		seed := uint64(i)
		actors[i] = &actor{t: t, user: user, server: servers[i%2].address, chance: rand.New(rand.NewPCG(seed, 7))}
	}
	together(actors, func(_ int, a *actor) { a.join(); a.improvise(4 * time.Second) })

	together(actors, func(_ int, a *actor) { a.beThere() })
	servers[0].kill()
	killed := time.Now()
	together(actors, func(i int, a *actor) {
		switch {
		case i%4 == 0: // its server is gone, and it is back in time
			a.pause(200, 1500)
			a.server, a.stays = servers[1].address, true
			a.connect()
			a.improvise(truthGrace + time.Second)
			a.stays = false
		case i%2 == 0: // or it is not
			a.server = servers[1].address
			a.away(killed)
		case i%3 == 0: // drops without a word, and is not back in time
			dropped := time.Now()
			a.client.Drop()
			a.away(dropped)
		default:
			a.improvise(5 * time.Second)
		}
	})
	together(actors, func(i int, a *actor) {
		a.improvise(2 * time.Second)
		a.beThere()
		a.pause(10, 1000)
		if i%2 == 0 {
			a.leave()
			return
		}
		dropped := time.Now()
		a.client.Drop()
		a.ended(dropped)
	})

	var call domain.Call
	eventually(t, time.Minute, "everybody has left", func() bool {
		call = truthCall(t, pool, nil)
		return !call.Session.Open()
	})
	stints := map[string][]span{}
	truthCall(t, pool, stints)
	for _, a := range actors {
		a.mustBeOnRecord(stints[a.user], call.Session.Participant(a.user))
	}
}

// together has every actor do something, and waits for all of them.
func together(actors []*actor, do func(i int, a *actor)) {
	var all sync.WaitGroup
	for i, a := range actors {
		all.Go(func() { do(i, a) })
	}
	all.Wait()
}

// truthCall folds the study's log, and notes everybody's stints, unless nil.
func truthCall(t *testing.T, pool *pgxpool.Pool, stints map[string][]span) (call domain.Call) {
	t.Helper()
	store, err := eventstore.Open(t.Context(), pool, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	recorded, err := store.ReadStream(t.Context(), eventstore.Stream(truthStudy), 0)
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
			stints[e.UserID] = append(stints[e.UserID], span{from: e.At})
		case domain.ParticipantLeft:
			theirs := stints[e.UserID]
			theirs[len(theirs)-1].to = e.At
		}
	}
	return call
}

// mustBeOnRecord compares what the actor did with what is recorded.
func (a *actor) mustBeOnRecord(stints []span, p *domain.Participant) {
	a.t.Helper()
	if len(stints) != len(a.stints) {
		a.t.Errorf("%s: %d stints are recorded, not %d: %v, not %v", a.user, len(stints), len(a.stints), stints, a.stints)
		return
	}
	for i, want := range a.stints {
		if got := stints[i]; got.from.Sub(want.from).Abs() > truthTolerance || got.to.Sub(want.to).Abs() > truthTolerance {
			a.t.Errorf("%s: stint %d is recorded as %v, not %v", a.user, i, got, want)
		}
	}
	for what, c := range map[string]struct{ got, want time.Duration }{
		"present":    {p.Present.Total, total(a.stints)},
		"muted":      {p.Muted.Total, total(a.muted.spans)},
		"camera off": {p.CameraOff.Total, total(a.off.spans)},
	} {
		if (c.got - c.want).Abs() > truthTolerance {
			a.t.Errorf("%s: %s for %v is recorded, not %v", a.user, what, c.got, c.want)
		}
	}
}

// span is a stretch of time.
type span struct{ from, to time.Time }

// String tells the stretch in seconds of the minute.
func (s span) String() string {
	return fmt.Sprintf("%s–%s", s.from.UTC().Format("05.000"), s.to.UTC().Format("05.000"))
}

func total(spans []span) (sum time.Duration) {
	for _, s := range spans {
		sum += s.to.Sub(s.from)
	}
	return sum
}
