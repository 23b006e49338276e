package domain_test

import (
	"reflect"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/studycall/studycall/domain"
)

// history is the past of a study after random commands.
type history struct {
	t        *rapid.T
	call     domain.Call
	log      []domain.Event
	clock    time.Time
	sessions int
}

func users() []string { return []string{"kim", "lee", "park", "choi"} }

// randomHistory carries out random commands, with times of differing clocks. It calls after for each one.
func randomHistory(t *rapid.T, after func(h *history, cmd domain.Command, events []domain.Event)) *history {
	h := &history{t: t, clock: start}
	for range rapid.IntRange(1, 60).Draw(t, "commands") {
		cmd := h.command()
		before := h.call.Clone()
		events, err := h.call.Decide(cmd)
		if err != nil && len(events) > 0 {
			t.Fatalf("%+v returned the events %v and the error %v", cmd, events, err)
		}
		wantSame(t, before, h.call)
		for _, event := range events {
			h.call.Evolve(event)
		}
		h.log = append(h.log, events...)
		after(h, cmd, events)
	}
	return h
}

// wantSame fails the test if two states differ in any field.
func wantSame(t interface{ Fatalf(string, ...any) }, want, got domain.Call) {
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got\n%+v\nwant\n%+v", got, want)
	}
}

// command draws a command that is usually accepted, at a time that may be before the previous one.
func (h *history) command() domain.Command {
	h.clock = h.clock.Add(time.Duration(rapid.Int64Range(0, 5_000_000).Draw(h.t, "µs later")) * time.Microsecond)
	when := h.clock
	if rapid.IntRange(0, 3).Draw(h.t, "clock") == 0 {
		when = when.Add(-time.Duration(rapid.Int64Range(0, 30_000_000).Draw(h.t, "µs behind")) * time.Microsecond)
	}
	session, user := h.call.Session.ID, rapid.SampledFrom(users()).Draw(h.t, "user")
	if rapid.IntRange(0, 19).Draw(h.t, "session") == 0 {
		session = rapid.SampledFrom([]string{"", "s0", "s1", "s2"}).Draw(h.t, "another session")
	}
	on := rapid.Bool()
	switch rapid.IntRange(0, 13).Draw(h.t, "command") {
	case 0:
		h.sessions++
		return domain.StartSession{SessionID: "s" + strconv.Itoa(h.sessions), UserID: user, At: when}
	case 1, 2, 3, 4:
		id, capacity := "p"+strconv.Itoa(len(h.log)), rapid.IntRange(1, 4).Draw(h.t, "capacity")
		return domain.JoinSession{SessionID: session, ParticipantID: id, UserID: user, Capacity: capacity, At: when}
	case 5, 6:
		reason := rapid.SampledFrom([]domain.LeaveReason{domain.Left, domain.Disconnected, domain.Expired}).Draw(h.t, "reason")
		return domain.LeaveSession{SessionID: session, UserID: user, Reason: reason, At: when}
	case 7, 8:
		return domain.SetToggle{SessionID: session, UserID: user, Toggle: domain.Muted, On: on.Draw(h.t, "muted"), At: when}
	case 9, 10:
		return domain.SetToggle{SessionID: session, UserID: user, Toggle: domain.CameraOff, On: on.Draw(h.t, "off"), At: when}
	case 11, 12:
		return domain.SetToggle{SessionID: session, UserID: user, Toggle: domain.Sharing, On: on.Draw(h.t, "sharing"), At: when}
	default:
		return domain.ExpireSession{SessionID: session, At: when}
	}
}

func TestInvariantsOfEveryHistory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ended := time.Time{} // of the previous session
		randomHistory(t, func(h *history, _ domain.Command, events []domain.Event) {
			for _, event := range events {
				if at := event.OccurredAt(); at.Location() != time.UTC || !at.Equal(at.Truncate(time.Millisecond)) {
					t.Fatalf("%+v is not in whole milliseconds UTC", event)
				}
				if s, ok := event.(domain.SessionStarted); ok && s.At.Before(ended) {
					t.Fatalf("%+v overlaps with the session that ended at %v", s, ended)
				}
			}
			checkSession(t, h.call.Session)
			ended = h.call.Session.EndedAt
		})
	})
}

func checkSession(t *rapid.T, s domain.Session) {
	sharers := 0
	for i := range s.Participants {
		p := &s.Participants[i]
		checkParticipant(t, s, p)
		if p.Sharing.Running() {
			sharers++
		}
		if again := s.Participant(p.UserID); again.ID != p.ID {
			t.Fatalf("%s has two records: %+v", p.UserID, s.Participants)
		}
	}
	if sharers > 1 {
		t.Fatalf("%d participants share the screen at once: %+v", sharers, s.Participants)
	}
	if s.Open() {
		return
	}
	if s.InCall() > 0 {
		t.Fatalf("the session ended with participants in the call: %+v", s)
	}
	lastLeft := s.StartedAt
	for _, p := range s.Participants {
		if p.LeftAt.After(lastLeft) {
			lastLeft = p.LeftAt
		}
	}
	if len(s.Participants) > 0 && !s.EndedAt.Equal(lastLeft) || s.EndedAt.Before(s.StartedAt) {
		t.Fatalf("endedAt is %v, the latest leftAt %v: %+v", s.EndedAt, lastLeft, s)
	}
}

func checkParticipant(t *rapid.T, s domain.Session, p *domain.Participant) {
	if p.JoinedAt.Before(s.StartedAt) || p.LastAt.Before(p.JoinedAt) || p.InCall() != p.LeftAt.IsZero() ||
		!p.InCall() && p.LeftAt.Before(p.JoinedAt) {
		t.Fatalf("times are out of order: %+v in a session of %v", p, s.StartedAt)
	}
	present := totalAt(t, p.Present, p.LastAt)
	for name, w := range map[string]domain.Stopwatch{"muted": p.Muted, "camera off": p.CameraOff, "sharing": p.Sharing} {
		if total := totalAt(t, w, p.LastAt); total > present {
			t.Fatalf("%s for %v of %v present: %+v", name, total, present, p)
		}
		if w.Running() && !p.InCall() {
			t.Fatalf("%s runs outside the call: %+v", name, p)
		}
	}
	if wall := p.LastAt.Sub(p.JoinedAt); present > wall {
		t.Fatalf("present for %v in %v: %+v", present, wall, p)
	}
}

// totalAt returns the total of a stopwatch at a time, with the current interval.
func totalAt(t *rapid.T, w domain.Stopwatch, at time.Time) time.Duration {
	total := w.Total
	if w.Running() {
		if w.Since.After(at) {
			t.Fatalf("%+v began after %v", w, at)
		}
		total += at.Sub(w.Since)
	}
	if w.Total < 0 || total < 0 {
		t.Fatalf("%+v is negative", w)
	}
	return total
}

func TestRepeatingACommandChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		randomHistory(t, func(h *history, cmd domain.Command, _ []domain.Event) {
			if events, _ := h.call.Decide(cmd); len(events) > 0 {
				t.Fatalf("%+v causes events again: %+v", cmd, events)
			}
		})
	})
}

// The state equals the fold of the log, and the fold of the latest chapter alone.
func TestTheLatestChapterDeterminesTheState(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t, func(*history, domain.Command, []domain.Event) {})
		wantSame(t, h.call, fold(h.log))
		if chapters := chapters(h.log); len(chapters) > 0 {
			wantSame(t, h.call, fold(chapters[len(chapters)-1]))
		}
	})
}

func TestCloneSharesNoState(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := randomHistory(t, func(*history, domain.Command, []domain.Event) {})
		before, clone := fold(h.log), h.call.Clone()
		for _, event := range anyEvents(t, h.call.Session.ID) {
			clone.Evolve(event)
		}
		wantSame(t, before, h.call)
		clone = h.call.Clone()
		for _, event := range anyEvents(t, h.call.Session.ID) {
			h.call.Evolve(event)
		}
		wantSame(t, before, clone)
	})
}

// Every log folds, always to the same state, and never to a negative duration.
func TestEveryLogFoldsToOneState(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := append(events(started(0)), anyEvents(t, "s1")...)
		call := fold(events)
		wantSame(t, call, fold(events))
		for _, p := range call.Session.Participants {
			for _, w := range []domain.Stopwatch{p.Present, p.Muted, p.CameraOff, p.Sharing} {
				if w.Total < 0 {
					t.Fatalf("%+v is negative after %v", p, events)
				}
			}
		}
	})
}

// anyEvents draws events that may contradict each other: mostly of one session, in any order, at any time within some
// decades or at the zero time.
func anyEvents(t *rapid.T, session string) []domain.Event {
	seconds := rapid.Int64Range(-1_000_000_000, 1_000_000_000)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) domain.Event {
		f := domain.Fact{SessionID: session}
		if rapid.IntRange(0, 9).Draw(t, "session") == 0 {
			f.SessionID = rapid.SampledFrom([]string{"another", ""}).Draw(t, "another session")
		}
		if rapid.IntRange(0, 9).Draw(t, "has a time") > 0 {
			f.At = start.Add(time.Duration(seconds.Draw(t, "seconds")) * time.Second)
		}
		if rapid.IntRange(0, 39).Draw(t, "starts") == 0 {
			return domain.SessionStarted{Fact: f}
		}
		return anyEvent(t, f, rapid.SampledFrom([]string{"kim", "lee", ""}).Draw(t, "user"))
	}), 0, 40).Draw(t, "events")
}

func anyEvent(t *rapid.T, f domain.Fact, user string) domain.Event {
	if rapid.IntRange(0, 39).Draw(t, "ends") == 0 {
		return domain.SessionEnded{Fact: f, Reason: domain.EveryoneLeft}
	}
	return rapid.SampledFrom([]domain.Event{
		domain.ParticipantJoined{Fact: f, ParticipantID: "p-" + user, UserID: user},
		domain.ParticipantJoined{Fact: f, ParticipantID: "q-" + user, UserID: user},
		domain.ParticipantLeft{Fact: f, UserID: user, Reason: domain.Left},
		domain.AudioMuted{Fact: f, UserID: user}, domain.AudioUnmuted{Fact: f, UserID: user},
		domain.VideoTurnedOff{Fact: f, UserID: user}, domain.VideoTurnedOn{Fact: f, UserID: user},
		domain.ScreenShareStarted{Fact: f, UserID: user}, domain.ScreenShareStopped{Fact: f, UserID: user},
	}).Draw(t, "event")
}
