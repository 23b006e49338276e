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
	// truthGrace is long enough to be back in time for who means to be, on a slow machine too.
	truthGrace = 10 * time.Second
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
		actors[i] = &actor{t: t, user: user, server: servers[i%2].address, pool: pool, chance: rand.New(rand.NewPCG(seed, 7))}
	}
	together(actors, func(_ int, a *actor) { a.join(); a.improvise(4 * time.Second) })

	together(actors, func(_ int, a *actor) { a.beThere() })
	var alive time.Time // when a server last said that it lives: of a killed one's people it is known that they were there then
	if err := pool.QueryRow(t.Context(), `select min(said_at) from servers`).Scan(&alive); err != nil {
		t.Fatal(err)
	}
	servers[0].kill()
	killed := time.Now()
	if beat >= time.Second {
		t.Error("when its people were last there is not known to the second")
	}
	together(actors, func(i int, a *actor) {
		switch {
		case i%4 == 0: // its server is gone, and it is back in time
			a.pause(200, 1500)
			a.server, a.stays = servers[1].address, true
			a.connect()
			a.improvise(4 * time.Second)
			a.until(`select count(*) = 1 from connections where user_id = $1`, a.user)
			a.stays = false
		case i%2 == 0: // or it is not
			a.server = servers[1].address
			a.away(alive, killed)
		case i%3 == 0: // drops without a word, and is not back in time
			a.away(a.drop())
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
		a.ended(a.drop())
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
		a.t.Errorf("%s: %d stints are recorded, not %d: %v", a.user, len(stints), len(a.stints), stints)
		return
	}
	for i, want := range a.stints {
		begins, ends := span{want.before, want.begun}, span{want.ending, want.over}
		if got := stints[i]; !begins.holds(got.from) || !ends.holds(got.to) {
			a.t.Errorf("%s: stint %d is recorded as %v, and it began within %v and ended within %v", a.user, i, got, begins, ends)
		}
	}
	for what, c := range map[string]struct {
		got  time.Duration
		want []stretch
	}{
		"present":    {p.Present.Total, a.stints},
		"muted":      {p.Muted.Total, a.muted.spans},
		"camera off": {p.CameraOff.Total, a.off.spans},
	} {
		if least, most := total(c.want); c.got < least || c.got > most {
			a.t.Errorf("%s: %s for %v is recorded, and it was %v to %v", a.user, what, c.got, least, most)
		}
	}
}

// span is the time between two moments.
type span struct{ from, to time.Time }

// holds reports whether what was recorded at a time may have been within the span.
func (s span) holds(at time.Time) bool {
	return !at.Before(s.from.Add(-clock)) && !at.After(s.to.Add(clock))
}

// String tells the span in seconds of the minute.
func (s span) String() string {
	return fmt.Sprintf("%s–%s", s.from.UTC().Format("05.000"), s.to.UTC().Format("05.000"))
}

func total(all []stretch) (least, most time.Duration) {
	for _, s := range all {
		atLeast, atMost := s.lasted()
		least, most = least+atLeast, most+atMost
	}
	return least, most
}
