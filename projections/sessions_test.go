package projections_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/projections"
)

func TestTheOpenSessionOfAStudy(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.given("study-1",
		domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"},
		domain.ParticipantJoined{Fact: at("s1", 1), ParticipantID: "p1", UserID: "kim"},
		domain.ParticipantJoined{Fact: at("s1", 2), ParticipantID: "p2", UserID: "lee"},
		domain.AudioMuted{Fact: at("s1", 3), UserID: "kim"},
		domain.ParticipantLeft{Fact: at("s1", 5), UserID: "lee", Reason: domain.Left},
	)

	session, position, err := h.queries.Open(t.Context(), "study-1")

	h.then(err)
	if want := h.folded("study-1"); !equal(session, want) {
		t.Errorf("got %+v, want %+v", session, want)
	}
	if position != 5 {
		t.Errorf("position is %d, want 5", position)
	}
	if s, _, err := h.queries.Open(t.Context(), "another"); err != nil || s.ID != "" {
		t.Errorf("a study that never met has the open session %+v (%v)", s, err)
	}
}

func TestAnEndedSessionIsNotOpenButStaysReadable(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.given("study-1",
		domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"},
		domain.ParticipantJoined{Fact: at("s1", 1), ParticipantID: "p1", UserID: "kim"},
		domain.ParticipantLeft{Fact: at("s1", 61), UserID: "kim", Reason: domain.Disconnected},
		domain.SessionEnded{Fact: at("s1", 61), Reason: domain.EveryoneLeft},
		domain.SessionStarted{Fact: at("s2", 70), StartedBy: "lee"},
	)

	ended, _, err := h.queries.Session(t.Context(), "study-1", "s1")
	h.then(err)
	if got := ended.Participants[0].Present.Seconds(); got != 60 {
		t.Errorf("was there for %d s, want 60", got)
	}
	open, _, err := h.queries.Open(t.Context(), "study-1")
	h.then(err)
	if open.ID != "s2" {
		t.Errorf("the open session is %q, want s2", open.ID)
	}
	for _, unknown := range []struct{ study, session string }{{"study-1", "s3"}, {"study-2", "s1"}, {"study-1", ""}} {
		if _, _, err := h.queries.Session(t.Context(), unknown.study, unknown.session); !errors.Is(err, domain.ErrSessionNotFound) {
			t.Errorf("session %q of %q: %v, want not found", unknown.session, unknown.study, err)
		}
	}
}

func TestReadsAreFreshRightAfterTheAppend(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range 200 {
		study := fmt.Sprintf("study-%d", i%10)
		session := fmt.Sprintf("s%d", i)
		h.given(study, domain.SessionStarted{Fact: at(session, i), StartedBy: "kim"})
		if open, _, err := h.queries.Open(t.Context(), study); err != nil || open.ID != session {
			t.Fatalf("right after its start, session %s is not the open one: %+v (%v)", session, open, err)
		}
		h.given(study, domain.SessionEnded{Fact: at(session, i), Reason: domain.NobodyJoined})
		if open, _, err := h.queries.Open(t.Context(), study); err != nil || open.ID != "" {
			t.Fatalf("right after its end, session %s is still open (%v)", session, err)
		}
	}
}

func TestAReadThatCannotBeFreshSaysHowFarItIs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.given("study-1", domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"})
	if _, _, err := h.queries.Open(t.Context(), "study-1"); err != nil {
		t.Fatal(err)
	}
	h.stop()
	h.given("study-1", domain.SessionEnded{Fact: at("s1", 9), Reason: domain.NobodyJoined})

	h.queries.FreshWithin = 50 * time.Millisecond
	open, position, err := h.queries.Open(t.Context(), "study-1")

	if h.then(err); open.ID != "s1" || position != 1 {
		t.Errorf("got session %q as of %d, want s1 as of 1", open.ID, position)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := h.queries.WaitFor(ctx, 2); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for what is not folded gave %v", err)
	}
}

// TestLiveTablesEqualAFoldOfTheLog: random calls of several studies, folded live, and then everything delivered again
// from random points and in random slices.
func TestLiveTablesEqualAFoldOfTheLog(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	rounds := 0
	rapid.Check(t, func(r *rapid.T) {
		rounds++
		studies := []string{fmt.Sprintf("a%d", rounds), fmt.Sprintf("b%d", rounds)}
		for range rapid.IntRange(1, 25).Draw(r, "appends") {
			study := rapid.SampledFrom(studies).Draw(r, "study")
			if events := h.randomEvents(r, study); len(events) > 0 {
				h.given(study, events...)
			}
		}
		for _, study := range studies {
			h.compare(r, study)
		}
		h.redeliver(r)
		for _, study := range studies {
			h.compare(r, study)
		}
	})
}

func (h *house) compare(r *rapid.T, study string) {
	want := h.folded(study)
	if want.ID == "" {
		return
	}
	got, _, err := h.queries.Session(h.t.Context(), study, want.ID)
	if err != nil {
		r.Fatal(err)
	}
	if !equal(got, want) {
		r.Fatalf("study %s:\ntables %+v\nfold   %+v", study, got, want)
	}
}

// redeliver folds the log again from a random point in random slices.
func (h *house) redeliver(r *rapid.T) {
	ctx := h.t.Context()
	head, err := h.store.Head(ctx)
	if err != nil {
		r.Fatal(err)
	}
	after := rapid.Int64Range(max(0, head-60), head).Draw(r, "from")
	for {
		events, err := h.store.ReadAll(ctx, after, rapid.IntRange(1, 40).Draw(r, "slice"))
		if err != nil {
			r.Fatal(err)
		}
		if len(events) == 0 {
			return
		}
		for _, p := range projections.All(seoul(h.t)) {
			err = pgx.BeginFunc(ctx, h.pool, func(tx pgx.Tx) error { return projections.FoldInto(p, p.Name())(ctx, tx, events) })
			if err != nil {
				r.Fatal(err)
			}
		}
		after = events[len(events)-1].Position
	}
}

// randomEvents are what a random command to the study leads to.
func (h *house) randomEvents(r *rapid.T, study string) []domain.Event {
	call := domain.Call{Session: h.folded(study)}
	h.next++
	id := fmt.Sprintf("%s-%d", study, h.next)
	user := rapid.SampledFrom([]string{"kim", "lee", "park"}).Draw(r, "user")
	when := epoch.Add(time.Duration(h.next)*time.Second + time.Duration(rapid.IntRange(-3000, 3000).Draw(r, "skew"))*time.Millisecond)
	session, on := call.Session.ID, rapid.Bool().Draw(r, "on")
	command := rapid.SampledFrom([]domain.Command{
		domain.StartSession{SessionID: id, UserID: user, At: when},
		domain.JoinSession{SessionID: session, ParticipantID: id, UserID: user, Capacity: 3, At: when},
		domain.JoinSession{SessionID: session, ParticipantID: id, UserID: user, Capacity: 3, At: when},
		domain.LeaveSession{SessionID: session, UserID: user, Reason: domain.Left, At: when},
		domain.SetAudio{SessionID: session, UserID: user, Muted: on, At: when},
		domain.SetVideo{SessionID: session, UserID: user, Off: on, At: when},
		domain.SetScreenShare{SessionID: session, UserID: user, Sharing: on, At: when},
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
