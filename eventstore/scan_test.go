package eventstore_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// scanAll returns the pages of a scan.
func scanAll(t *testing.T, s server, after, upTo int64) (pages [][]eventstore.Scanned) {
	t.Helper()
	for scan := scan(t, s, after, upTo, nil); ; {
		page, err := scan.Next(t.Context())
		if err != nil {
			t.Fatalf("scan from %d to %d: %v", after, upTo, err)
		}
		if len(page) == 0 {
			return pages
		}
		pages = append(pages, page)
	}
}

func scan(t *testing.T, s server, after, upTo int64, only domain.Event) *eventstore.Scanner {
	t.Helper()
	scan, err := s.Scan(after, upTo, only)
	if err != nil {
		t.Fatal(err)
	}
	return scan
}

// A scan returns the same events as ReadAll, with any text and time in them.
func TestScanEqualsReadAll(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	odd := domain.Fact{SessionID: "세션 \"1\"", At: time.Date(1999, 12, 31, 23, 59, 59, int(999*time.Millisecond), time.UTC)}
	appendEvents(t, s, "call-스터디-1", 0,
		started("s1", "kim"), domain.ParticipantJoined{Fact: odd, ParticipantID: "p", UserID: `김"철수\`},
		domain.AudioMuted{Fact: odd, UserID: ""}, domain.AudioUnmuted{Fact: odd, UserID: "\x00\t\u2028<&>"},
		domain.VideoTurnedOff{Fact: odd, UserID: "kim"}, domain.VideoTurnedOn{Fact: odd, UserID: "kim"})
	appendEvents(t, s, "not-a-call", 0,
		domain.ScreenShareStarted{Fact: fact("s2"), UserID: "kim"}, domain.ScreenShareStopped{Fact: fact("s2"), UserID: "kim"},
		domain.ParticipantLeft{Fact: fact("s2"), UserID: "kim", Reason: domain.Removed},
		domain.SessionEnded{Fact: fact("s2"), Reason: domain.NobodyJoined})
	pages := scanAll(t, s, 0, 10)
	if len(pages) != 1 || len(pages[0]) != 10 {
		t.Fatalf("got %+v, want one page of 10 events", pages)
	}
	for i, r := range wholeLog(t, s) {
		event, err := r.Event()
		if err != nil {
			t.Fatal(err)
		}
		want := eventstore.Scanned{Position: r.Position, Study: r.Study(), Event: event}
		if !reflect.DeepEqual(pages[0][i], want) {
			t.Errorf("got %+v, want %+v", pages[0][i], want)
		}
	}
}

func TestScanReturnsTheEventsBetweenTwoPositions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const n = eventstore.ScanPage*2 + 7
	execute(t, s.pool, `insert into events (position, stream_id, version, session_id, type, schema, data, occurred_at)
		select n, 'call-a', n, 's', 'AudioMuted', 1, '{"userId":"kim"}', now() from generate_series(1, $1::int) n`, n)
	for _, c := range []struct {
		after, upTo, last int64
		pages             int
	}{
		{0, n, n, 3},
		{0, eventstore.ScanPage, eventstore.ScanPage, 1},
		{7, n, n, 2},
		{n - 1, n, n, 1},
		{0, 1, 1, 1},
		{5, 5, 5, 0},
		{9, 5, 9, 0},
		{n - 3, n + 1000, n, 1}, // does not wait for the events that are missing
		{n, n + 1, n, 0},
	} {
		want := c.after
		pages := scanAll(t, s, c.after, c.upTo)
		for _, page := range pages {
			for _, e := range page {
				if want++; e.Position != want {
					t.Fatalf("after %d: got position %d, want %d", c.after, e.Position, want)
				}
			}
		}
		if want != c.last || len(pages) != c.pages {
			t.Errorf("after %d up to %d: reached %d in %d pages, want %d in %d", c.after, c.upTo, want, len(pages), c.last, c.pages)
		}
	}
}

// After an error, the next call returns the page that failed.
func TestAScanContinuesAfterAnError(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	fill(t, s, "call-a", 3)
	scan := scan(t, s, 0, 3, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := scan.Next(ctx)
	wantError(t, err, context.Canceled)
	if page, err := scan.Next(t.Context()); err != nil || len(page) != 3 || page[0].Position != 1 {
		t.Errorf("got %+v, %v", page, err)
	}
}

func TestScanStopsAtAnUnknownEvent(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	fill(t, s, "call-a", 3)
	execute(t, s.pool, `select append_events(array['call-a'], array[3::bigint], array[1], array['s'], array['CallRecorded'],
		array[9::smallint], array['{}'], array[now()])`)
	_, err := scan(t, s, 0, 4, nil).Next(t.Context())
	unknown := (*eventstore.UnknownEventError)(nil)
	if !errors.As(err, &unknown) || unknown.Position != 4 || unknown.Type != "CallRecorded" || unknown.Schema != 9 {
		t.Errorf("got error %v, want one that names event 4", err)
	}
}

// A scan for one type returns undecodable events that its filter skips, and stops at others.
func TestScanForOneTypeToleratesUndecodableEventsOfOthers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	fill(t, s, "call-a", 1)
	execute(t, s.pool, `select append_events(array['call-a'], array[1::bigint], array[1, 1, 1], array['s', 's', 's'],
		array['AudioMuted', 'SessionEnded', 'SessionEnded'], array[9::smallint, 1::smallint, 9::smallint],
		array['{}', '{"reason":"expired"}', '{}'], array[now(), now(), now()])`)
	page, err := scan(t, s, 0, 3, domain.SessionEnded{}).Next(t.Context())
	if err != nil || len(page) != 3 || page[1].Undecoded == nil || page[1].Undecoded.Position != 2 || page[2].Event == nil {
		t.Errorf("got %+v, %v", page, err)
	}
	_, err = scan(t, s, 0, 4, domain.SessionEnded{}).Next(t.Context())
	unknown := (*eventstore.UnknownEventError)(nil)
	if !errors.As(err, &unknown) || unknown.Position != 4 {
		t.Errorf("got error %v, want one that names event 4", err)
	}
}

// If the database becomes unavailable, a scan returns an error, and the next scan is complete.
func TestScanDuringAnOutage(t *testing.T) {
	t.Parallel()
	s, deaf := newDeafServer(t)
	fill(t, s, "call-a", 3)
	scanAll(t, s, 0, 3)
	deaf.Store(true)
	if _, err := scan(t, s, 0, 3, nil).Next(t.Context()); err == nil {
		t.Error("the scan succeeded without an answer")
	}
	deaf.Store(false)
	check.Eventually(t, "the database is available again", func() bool { _, err := s.Head(t.Context()); return err == nil })
	if pages := scanAll(t, s, 0, 3); len(pages) != 1 || len(pages[0]) != 3 {
		t.Errorf("got %+v", pages)
	}
}
