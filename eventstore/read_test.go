package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// newServerWithTwoStudies starts a server with the interleaved streams of two studies: a has three sessions, b has one.
func newServerWithTwoStudies(t *testing.T) server {
	t.Helper()
	s := newServer(t)
	ended := func(session string) domain.Event {
		return domain.SessionEnded{Fact: fact(session), Reason: domain.EveryoneLeft}
	}
	appendEvents(t, s, "call-a", 0, started("a1", "kim"), muted("a1", "1"), ended("a1"))
	appendEvents(t, s, "call-b", 0, started("b1", "lee"))
	appendEvents(t, s, "call-a", 3, started("a2", "kim"), ended("a2"), started("a3", "kim"))
	appendEvents(t, s, "call-b", 1, muted("b1", "2"))
	appendEvents(t, s, "call-a", 6, muted("a3", "3"))
	return s
}

func TestLoadReturnsTheLatestChapterAndLoadSessionTheNamedOne(t *testing.T) {
	t.Parallel()
	s := newServerWithTwoStudies(t)
	load, session := s.Load, s.LoadSession
	for _, c := range []struct {
		name string
		read func(context.Context, string) ([]eventstore.Recorded, error)
		from string
		want []string
	}{
		{"the latest chapter", load, "call-a", []string{"7 a3 SessionStarted", "9 a3 AudioMuted"}},
		{"the only chapter", load, "call-b", []string{"4 b1 SessionStarted", "8 b1 AudioMuted"}},
		{"no such stream", load, "call-c", nil},
		{"a stream of a similar name", load, "call-", nil},
		{"the first session", session, "a1", []string{"1 a1 SessionStarted", "2 a1 AudioMuted", "3 a1 SessionEnded"}},
		{"a session in the middle", session, "a2", []string{"5 a2 SessionStarted", "6 a2 SessionEnded"}},
		{"the latest session", session, "a3", []string{"7 a3 SessionStarted", "9 a3 AudioMuted"}},
		{"another study's session", session, "b1", []string{"4 b1 SessionStarted", "8 b1 AudioMuted"}},
		{"no such session", session, "a4", nil},
		{"an empty session id", session, "", nil},
		{"all of a stream", streamPage(s, 0, 99), "call-a", []string{
			"1 a1 SessionStarted", "2 a1 AudioMuted", "3 a1 SessionEnded", "5 a2 SessionStarted", "6 a2 SessionEnded",
			"7 a3 SessionStarted", "9 a3 AudioMuted",
		}},
		{"the rest of a stream", streamPage(s, 5, 99), "call-a", []string{"7 a3 SessionStarted", "9 a3 AudioMuted"}},
		{"a page of a stream", streamPage(s, 2, 3), "call-a", []string{"3 a1 SessionEnded", "5 a2 SessionStarted", "6 a2 SessionEnded"}},
		{"the last page of a stream", streamPage(s, 5, 3), "call-a", []string{"7 a3 SessionStarted", "9 a3 AudioMuted"}},
		{"no more pages of a stream", streamPage(s, 7, 3), "call-a", nil},
		{"nothing new in a stream", streamPage(s, 7, 99), "call-a", nil},
		{"a stream that does not exist", streamPage(s, 0, 99), "call-c", nil},
		{"from the beginning", page(s, 0, 3), "", []string{"1 a1 SessionStarted", "2 a1 AudioMuted", "3 a1 SessionEnded"}},
		{"from the middle", page(s, 7, 9), "", []string{"8 b1 AudioMuted", "9 a3 AudioMuted"}},
		{"from the end", page(s, 9, 9), "", nil},
		{"from beyond the end", page(s, 99, 9), "", nil},
	} {
		recorded, err := c.read(t.Context(), c.from)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		var got []string
		for _, r := range recorded {
			got = append(got, fmt.Sprint(r.Position, " ", r.Session, " ", r.Type))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func streamPage(s server, version int64, limit int) func(context.Context, string) ([]eventstore.Recorded, error) {
	return func(ctx context.Context, stream string) ([]eventstore.Recorded, error) {
		return s.ReadStreamPage(ctx, stream, version, limit)
	}
}

func page(s server, after int64, limit int) func(context.Context, string) ([]eventstore.Recorded, error) {
	return func(ctx context.Context, _ string) ([]eventstore.Recorded, error) {
		return s.ReadAll(ctx, after, limit)
	}
}

func TestVersionAt(t *testing.T) {
	t.Parallel()
	s := newServerWithTwoStudies(t)
	for stream, versions := range map[string][]int64{
		"call-a": {0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 7}, // at the positions 0, 1, 2 …
		"call-b": {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2},
		"call-c": {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		for position, want := range versions {
			if got, err := s.VersionAt(t.Context(), stream, int64(position)); err != nil || got != want {
				t.Errorf("%s at %d: version %d, %v; want %d", stream, position, got, err, want)
			}
		}
	}
}

// Chapters end at the given events, in the order of these.
func TestChaptersReadsEachSessionUpToTheGivenEvent(t *testing.T) {
	t.Parallel()
	s := newServerWithTwoStudies(t)
	log := wholeLog(t, s)
	tx := begin(t, s.pool, pgx.TxOptions{})
	for _, c := range []struct {
		name    string
		endings []int // positions
		want    []int64
	}{
		{"no events given", nil, nil},
		{"a whole session", []int{3}, []int64{1, 2, 3}},
		{"part of a session", []int{2}, []int64{1, 2}},
		{"a start alone", []int{7}, []int64{7}},
		{"several, two of one study, in the given order", []int{6, 8, 3}, []int64{5, 6, 4, 8, 1, 2, 3}},
		{"with events of other streams in between", []int{9}, []int64{7, 9}},
	} {
		var endings []eventstore.Recorded
		for _, position := range c.endings {
			endings = append(endings, log[position-1])
		}
		chapters, err := eventstore.Chapters(t.Context(), tx, endings)
		check.NoError(t, err)
		var got []int64
		for _, r := range chapters {
			got = append(got, r.Position)
			if describe(t, r) != describe(t, log[r.Position-1]) {
				t.Errorf("%s: got %+v", c.name, r)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got positions %v, want %v", c.name, got, c.want)
		}
	}
}

// A stream without a SessionStarted is loaded from its first event.
func TestLoadWithoutASessionStarted(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	appendEvents(t, s, "call-a", 0, muted("s", "1"), muted("s", "2"))
	if events, err := s.Load(t.Context(), "call-a"); err != nil || len(events) != 2 {
		t.Errorf("loaded %d events, %v", len(events), err)
	}
}

// An event that only a newer program can decode is an error that names the event, when it is decoded and not when it is read.
func TestDecodingAnEventOfANewerProgramFails(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	appendEvents(t, s, "call-a", 0, started("s", "kim"))
	execute(t, s.pool, `select append_events(array['call-a'], array[1::bigint], array[1, 1, 1], array['s', 's', 's'],
		array['CallRecorded', 'AudioMuted', 'AudioMuted'], array[1, 2, 1]::smallint[], array['{}', '{}', '{"userId": 7}'],
		array[now(), now(), now()])`)
	recorded, err := s.Load(t.Context(), "call-a")
	if err != nil || len(recorded) != 4 {
		t.Fatalf("loaded %d events, %v", len(recorded), err)
	}
	for i, want := range []eventstore.UnknownEventError{
		{Position: 2, Type: "CallRecorded", Schema: 1},
		{Position: 3, Type: "AudioMuted", Schema: 2},
		{Position: 4, Type: "AudioMuted", Schema: 1},
	} {
		event, err := recorded[i+1].Event()
		got := (*eventstore.UnknownEventError)(nil)
		if event != nil || !errors.As(err, &got) || got.Position != want.Position || got.Type != want.Type ||
			got.Schema != want.Schema || got.Reason == nil || !errors.Is(err, got.Reason) {
			t.Errorf("event %d: got %v, %v", want.Position, event, err)
		}
	}
}

func TestReadersReturnTheErrorOfTheirContext(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, readErr := s.ReadAll(ctx, 0, 1)
	_, nextErr := s.Tail(0).Next(ctx)
	_, headErr := s.Head(ctx)
	waitErr := s.WaitFor(ctx, "any", 1)
	for _, err := range []error{readErr, nextErr, headErr, waitErr} {
		wantError(t, err, context.Canceled)
	}
}
