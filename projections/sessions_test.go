package projections_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/projections"
)

func TestOpenReturnsTheOpenSessionOfAStudy(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.given("study-1",
		domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"},
		domain.ParticipantJoined{Fact: at("s1", 1), ParticipantID: "p1", UserID: "kim"},
		domain.ParticipantJoined{Fact: at("s1", 2), ParticipantID: "p2", UserID: "lee"},
		domain.AudioMuted{Fact: at("s1", 3), UserID: "kim"},
		domain.ParticipantLeft{Fact: at("s1", 5), UserID: "lee", Reason: domain.Left},
	)

	session, position, err := srv.queries.Open(t.Context(), "study-1")

	check.NoError(srv.t, err)
	if want := srv.folded("study-1"); !equal(session, want) {
		t.Errorf("got %+v, want %+v", session, want)
	}
	if position != 5 {
		t.Errorf("position is %d, want 5", position)
	}
	if s, _, err := srv.queries.Open(t.Context(), "another"); err != nil || s.ID != "" {
		t.Errorf("a study without sessions has the open session %+v (%v)", s, err)
	}
}

func TestEndedSessionIsNotOpenButReadable(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.given("study-1",
		domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"},
		domain.ParticipantJoined{Fact: at("s1", 1), ParticipantID: "p1", UserID: "kim"},
		domain.ParticipantLeft{Fact: at("s1", 61), UserID: "kim", Reason: domain.Disconnected},
		domain.SessionEnded{Fact: at("s1", 61), Reason: domain.EveryoneLeft},
		domain.SessionStarted{Fact: at("s2", 70), StartedBy: "lee"},
	)

	ended, _, err := srv.queries.Session(t.Context(), "study-1", "s1")
	check.NoError(srv.t, err)
	if got := ended.Participants[0].Present.Seconds(); got != 60 {
		t.Errorf("was present for %v s, want 60", got)
	}
	open, _, err := srv.queries.Open(t.Context(), "study-1")
	check.NoError(srv.t, err)
	if open.ID != "s2" {
		t.Errorf("the open session is %q, want s2", open.ID)
	}
	for _, unknown := range []struct{ study, session string }{{"study-1", "s3"}, {"study-2", "s1"}, {"study-1", ""}} {
		if _, _, err := srv.queries.Session(t.Context(), unknown.study, unknown.session); !errors.Is(err, domain.ErrSessionNotFound) {
			t.Errorf("session %q of %q: %v, want not found", unknown.session, unknown.study, err)
		}
	}
}

func TestQueriesAreFreshRightAfterTheAppend(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	for i := range fewer(200) {
		study := fmt.Sprintf("study-%d", i%10)
		session := fmt.Sprintf("s%d", i)
		srv.given(study, domain.SessionStarted{Fact: at(session, i), StartedBy: "kim"})
		if open, _, err := srv.queries.Open(t.Context(), study); err != nil || open.ID != session {
			t.Fatalf("right after its start, session %s is not the open one: %+v (%v)", session, open, err)
		}
		srv.given(study, domain.SessionEnded{Fact: at(session, i), Reason: domain.NobodyJoined})
		if open, _, err := srv.queries.Open(t.Context(), study); err != nil || open.ID != "" {
			t.Fatalf("right after its end, session %s is still open (%v)", session, err)
		}
	}
}

func TestQueryThatCannotBeFreshReturnsItsPosition(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.given("study-1", domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"})
	if _, _, err := srv.queries.Open(t.Context(), "study-1"); err != nil {
		t.Fatal(err)
	}
	srv.stop()
	srv.given("study-1", domain.SessionEnded{Fact: at("s1", 9), Reason: domain.NobodyJoined})

	srv.queries.FreshWithin = 50 * time.Millisecond
	open, position, err := srv.queries.Open(t.Context(), "study-1")

	check.NoError(srv.t, err)
	if open.ID != "s1" || position != 1 {
		t.Errorf("got session %q as of %d, want s1 as of 1", open.ID, position)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := srv.queries.WaitFor(ctx, 2); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for an event that is not folded returned %v", err)
	}
}

// TestLiveTablesEqualAFoldOfTheLog: random calls of several studies are folded live, and then redelivered from random positions
// in random slices.
func TestLiveTablesEqualAFoldOfTheLog(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	rounds := 0
	rapid.Check(t, func(r *rapid.T) {
		rounds++
		studies := []string{fmt.Sprintf("a%d", rounds), fmt.Sprintf("b%d", rounds)}
		for range rapid.IntRange(1, 25).Draw(r, "appends") {
			study := rapid.SampledFrom(studies).Draw(r, "study")
			if events := srv.randomEvents(r, study); len(events) > 0 {
				srv.given(study, events...)
			}
		}
		for _, study := range studies {
			srv.compare(r, study)
		}
		srv.redeliver(r)
		for _, study := range studies {
			srv.compare(r, study)
		}
	})
}

func (srv *server) compare(r *rapid.T, study string) {
	want := srv.folded(study)
	if want.ID == "" {
		return
	}
	got, _, err := srv.queries.Session(srv.t.Context(), study, want.ID)
	if err != nil {
		r.Fatal(err)
	}
	if !equal(got, want) {
		r.Fatalf("study %s:\ntables %+v\nfold   %+v", study, got, want)
	}
}

// redeliver folds the log again from a random position in random slices.
func (srv *server) redeliver(r *rapid.T) {
	ctx := srv.t.Context()
	head, err := srv.store.Head(ctx)
	if err != nil {
		r.Fatal(err)
	}
	after := rapid.Int64Range(max(0, head-60), head).Draw(r, "from")
	for {
		events, err := srv.store.ReadAll(ctx, after, rapid.IntRange(1, 40).Draw(r, "slice"))
		if err != nil {
			r.Fatal(err)
		}
		if len(events) == 0 {
			return
		}
		for _, p := range projections.All(seoul(srv.t)) {
			err = pgx.BeginFunc(ctx, srv.pool, func(tx pgx.Tx) error { return projections.FoldInto(p, p.Name())(ctx, tx, events) })
			if err != nil {
				r.Fatal(err)
			}
		}
		after = events[len(events)-1].Position
	}
}

// randomEvents returns the events of a random command to the study.
func (srv *server) randomEvents(r *rapid.T, study string) []domain.Event {
	call := domain.Call{Session: srv.folded(study)}
	srv.next++
	id := fmt.Sprintf("%s-%d", study, srv.next)
	user := rapid.SampledFrom([]string{"kim", "lee", "park"}).Draw(r, "user")
	when := epoch.Add(time.Duration(srv.next)*time.Second + time.Duration(rapid.IntRange(-3000, 3000).Draw(r, "skew"))*time.Millisecond)
	session, on := call.Session.ID, rapid.Bool().Draw(r, "on")
	command := rapid.SampledFrom([]domain.Command{
		domain.StartSession{SessionID: id, UserID: user, At: when},
		domain.JoinSession{SessionID: session, ParticipantID: id, UserID: user, Capacity: 3, At: when},
		domain.JoinSession{SessionID: session, ParticipantID: id, UserID: user, Capacity: 3, At: when},
		domain.LeaveSession{SessionID: session, UserID: user, Reason: domain.Left, At: when},
		domain.SetToggle{SessionID: session, UserID: user, Toggle: domain.Muted, On: on, At: when},
		domain.SetToggle{SessionID: session, UserID: user, Toggle: domain.CameraOff, On: on, At: when},
		domain.SetToggle{SessionID: session, UserID: user, Toggle: domain.Sharing, On: on, At: when},
		domain.ExpireSession{SessionID: session, At: when},
	}).Draw(r, "command")
	events, err := call.Decide(command)
	if err != nil {
		return nil
	}
	return events
}

func equal(a, b domain.Session) bool {
	same := slices.Equal(a.Participants, b.Participants)
	a.Participants, b.Participants = nil, nil
	return same && fmt.Sprint(a) == fmt.Sprint(b)
}
func TestOpenCalls(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	mustBe := func(want map[string]domain.Session) {
		t.Helper()
		got, err := srv.queries.OpenCalls(t.Context())
		check.NoError(srv.t, err)
		if len(got) != len(want) {
			t.Errorf("%d calls are open, want %d: %+v", len(got), len(want), got)
		}
		for study, session := range want {
			if !reflect.DeepEqual(got[study], session) {
				t.Errorf("%s: %+v, want %+v", study, got[study], session)
			}
		}
	}
	srv.waitUntilCaughtUp()
	mustBe(nil)
	srv.given("go", domain.SessionStarted{Fact: at("g1", 0), StartedBy: "kim"},
		domain.ParticipantJoined{Fact: at("g1", 1), ParticipantID: "p1", UserID: "kim"},
		domain.ParticipantJoined{Fact: at("g1", 2), ParticipantID: "p2", UserID: "lee"},
		domain.ParticipantLeft{Fact: at("g1", 3), UserID: "kim", Reason: domain.Left})
	srv.given("rust", domain.SessionStarted{Fact: at("r1", 0), StartedBy: "lee"})
	srv.given("zig", domain.SessionStarted{Fact: at("z1", 0), StartedBy: "lee"},
		domain.SessionEnded{Fact: at("z1", 9), Reason: domain.NobodyJoined})
	srv.waitUntilCaughtUp()
	mustBe(map[string]domain.Session{"go": srv.folded("go"), "rust": srv.folded("rust")})
}
