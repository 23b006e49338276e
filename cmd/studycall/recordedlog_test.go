package main

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/projections"
)

// recordedLog is the log after a test.
type recordedLog struct {
	store  *eventstore.Store
	events []eventstore.Recorded
}

func readLog(t *testing.T, pool *pgxpool.Pool) *recordedLog {
	t.Helper()
	store, err := eventstore.Open(t.Context(), pool, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	// Postgres may still execute the append of a killed server.
	check.Eventually(t, "no append is in progress", func() bool {
		var appending int
		err := pool.QueryRow(t.Context(), `select count(*) from pg_stat_activity where datname = current_database()
			and state <> 'idle' and query like '%append_events(%' and pid <> pg_backend_pid()`).Scan(&appending)
		return err == nil && appending == 0
	})
	l := &recordedLog{store: store}
	for {
		page, err := store.ReadAll(t.Context(), int64(len(l.events)), 5000)
		if err != nil {
			t.Fatal(err)
		}
		if l.events = append(l.events, page...); len(page) == 0 {
			return l
		}
	}
}

// mustBeDense fails the test unless the positions are 1 … N, and the versions of each stream 1 … n.
func (l *recordedLog) mustBeDense(t *testing.T) {
	t.Helper()
	versions := map[string]int64{}
	for i, e := range l.events {
		if e.Position != int64(i+1) {
			t.Fatalf("position %d follows %d", e.Position, i)
		}
		versions[e.Stream]++
		if e.Version != versions[e.Stream] {
			t.Fatalf("%s: version %d follows %d", e.Stream, e.Version, versions[e.Stream]-1)
		}
	}
}

// mustBeLegal fails the test if an event changes nothing, such as the second of two equal ones.
func (l *recordedLog) mustBeLegal(t *testing.T) {
	t.Helper()
	calls := map[string]domain.Call{}
	for _, e := range l.events {
		before := calls[e.Stream].Clone()
		after := before.Clone()
		evolve(t, &after, e)
		if before.Session.Open() && e.Type == "SessionStarted" {
			t.Errorf("event %d starts a session while one is open", e.Position)
		}
		a, b := before.Session, after.Session
		if a.ID == b.ID && a.EndedAt.Equal(b.EndedAt) && sameButTimes(a.Participants, b.Participants) {
			t.Errorf("event %d, %s, changes nothing", e.Position, e.Type)
		}
		calls[e.Stream] = after
	}
}

func sameButTimes(a, b []domain.Participant) bool {
	return slices.EqualFunc(a, b, func(p, q domain.Participant) bool {
		p.LastAt, q.LastAt = time.Time{}, time.Time{}
		return p == q
	})
}

// mustConfirm fails the test unless each acknowledgement is true at its position, and no two report the creation of one id.
func (l *recordedLog) mustConfirm(t *testing.T, acks []ack) {
	t.Helper()
	created := map[string]bool{}
	for _, a := range acks {
		if a.created {
			if created[a.id] {
				t.Errorf("two answers report the creation of %s", a.id)
			}
			created[a.id] = true
		}
	}
	byPosition := map[int64][]ack{}
	for _, a := range acks {
		byPosition[a.position] = append(byPosition[a.position], a)
	}
	calls, checked := map[string]domain.Call{}, 0
	for _, e := range l.events {
		call := calls[e.Study()]
		evolve(t, &call, e)
		calls[e.Study()] = call
		for _, a := range byPosition[e.Position] {
			checked++
			if e.Study() != a.study || !a.agreesWith(call, e) {
				t.Errorf("event %d contradicts %+v: %+v", e.Position, a, call.Session)
			}
		}
	}
	if checked != len(acks) {
		t.Errorf("%d of %d acknowledgements name a position in the log", checked, len(acks))
	}
}

// agreesWith reports whether the answer is true after the event that it rests on.
func (a ack) agreesWith(call domain.Call, e eventstore.Recorded) bool {
	p := call.Session.Participant(a.user)
	switch a.action {
	case "start":
		return call.Session.Open() && call.Session.ID == a.id && (!a.created || e.Type == "SessionStarted")
	case "join":
		return p.InCall() && p.ID == a.id && (!a.created || e.Type == "ParticipantJoined")
	case "leave":
		return !p.InCall()
	case "audio":
		return p.InCall() && p.Muted.Running() == a.on
	case "video":
		return p.InCall() && p.CameraOff.Running() == a.on
	default:
		return p.InCall() && p.Sharing.Running() == a.on
	}
}

// mustEqualTables waits for the projection, and compares every session with a plain fold of the log.
func (l *recordedLog) mustEqualTables(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	queries := projections.NewSessionQueries(pool, l.store)
	queries.FreshWithin = time.Minute
	waiting, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := queries.WaitFor(waiting, int64(len(l.events))); err != nil {
		t.Fatalf("the tables do not reach position %d: %v", len(l.events), err)
	}
	type key struct{ study, session string }
	folded, calls := map[key]domain.Session{}, map[string]domain.Call{}
	for _, e := range l.events {
		call := calls[e.Study()]
		evolve(t, &call, e)
		calls[e.Study()] = call
		folded[key{e.Study(), e.Session}] = call.Clone().Session
	}
	for k, want := range folded {
		got, _, err := queries.Session(t.Context(), k.study, k.session)
		if err != nil {
			t.Fatalf("session %s of %s: %v", k.session, k.study, err)
		}
		same := got.ID == want.ID && got.StartedBy == want.StartedBy && got.StartedAt.Equal(want.StartedAt) &&
			got.EndedAt.Equal(want.EndedAt) && got.EndReason == want.EndReason && slices.Equal(got.Participants, want.Participants)
		if !same {
			t.Errorf("session %s:\ntables %+v\nfold   %+v", k.session, got, want)
		}
	}
	var rows int
	if err := pool.QueryRow(t.Context(), `select count(*) from sessions.sessions`).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	if rows != len(folded) {
		t.Errorf("the tables have %d sessions, the log %d", rows, len(folded))
	}
}

func evolve(t *testing.T, call *domain.Call, recorded eventstore.Recorded) {
	t.Helper()
	event, err := recorded.Event()
	if err != nil {
		t.Fatal(err)
	}
	call.Evolve(event)
}
