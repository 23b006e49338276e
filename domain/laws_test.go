package domain_test

import (
	"reflect"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/studycall/studycall/domain"
)

// life is a study's life as random commands make it.
type life struct {
	t        *rapid.T
	call     domain.Call
	log      []domain.Event
	clock    time.Time
	sessions int
}

func users() []string { return []string{"kim", "lee", "park", "choi"} }

// live carries out random commands, by clocks that differ, and calls look after each.
func live(t *rapid.T, look func(l *life, cmd domain.Command, events []domain.Event)) *life {
	l := &life{t: t, clock: start}
	for range rapid.IntRange(1, 60).Draw(t, "commands") {
		cmd := l.command()
		before := l.call.Clone()
		events, err := l.call.Decide(cmd)
		if err != nil && len(events) > 0 {
			t.Fatalf("%+v gave the events %v and the error %v", cmd, events, err)
		}
		unchanged(t, before, l.call)
		for _, event := range events {
			l.call.Evolve(event)
		}
		l.log = append(l.log, events...)
		look(l, cmd, events)
	}
	return l
}

// unchanged is for states that must be the same, down to the last field.
func unchanged(t interface{ Fatalf(string, ...any) }, want, got domain.Call) {
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got\n%+v\nwant\n%+v", got, want)
	}
}

// command draws a command that makes sense more often than not, at a time that may lie before the one before.
func (l *life) command() domain.Command {
	l.clock = l.clock.Add(time.Duration(rapid.Int64Range(0, 5_000_000).Draw(l.t, "µs later")) * time.Microsecond)
	when := l.clock
	if rapid.IntRange(0, 3).Draw(l.t, "clock") == 0 {
		when = when.Add(-time.Duration(rapid.Int64Range(0, 30_000_000).Draw(l.t, "µs behind")) * time.Microsecond)
	}
	session, user := l.call.Session.ID, rapid.SampledFrom(users()).Draw(l.t, "user")
	if rapid.IntRange(0, 19).Draw(l.t, "session") == 0 {
		session = rapid.SampledFrom([]string{"", "s0", "s1", "s2"}).Draw(l.t, "another session")
	}
	on := rapid.Bool()
	switch rapid.IntRange(0, 13).Draw(l.t, "command") {
	case 0:
		l.sessions++
		return domain.StartSession{SessionID: "s" + strconv.Itoa(l.sessions), UserID: user, At: when}
	case 1, 2, 3, 4:
		id, capacity := "p"+strconv.Itoa(len(l.log)), rapid.IntRange(1, 4).Draw(l.t, "capacity")
		return domain.JoinSession{SessionID: session, ParticipantID: id, UserID: user, Capacity: capacity, At: when}
	case 5, 6:
		reason := rapid.SampledFrom([]domain.LeaveReason{domain.Left, domain.Disconnected, domain.Expired}).Draw(l.t, "reason")
		return domain.LeaveSession{SessionID: session, UserID: user, Reason: reason, At: when}
	case 7, 8:
		return domain.SetAudio{SessionID: session, UserID: user, Muted: on.Draw(l.t, "muted"), At: when}
	case 9, 10:
		return domain.SetVideo{SessionID: session, UserID: user, Off: on.Draw(l.t, "off"), At: when}
	case 11, 12:
		return domain.SetScreenShare{SessionID: session, UserID: user, Sharing: on.Draw(l.t, "sharing"), At: when}
	default:
		return domain.ExpireSession{SessionID: session, At: when}
	}
}

func TestLawsOfEveryLife(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ended := time.Time{} // of the session before
		live(t, func(l *life, _ domain.Command, events []domain.Event) {
			for _, event := range events {
				if at := event.OccurredAt(); at.Location() != time.UTC || !at.Equal(at.Truncate(time.Millisecond)) {
					t.Fatalf("%+v is not in whole milliseconds UTC", event)
				}
				if s, ok := event.(domain.SessionStarted); ok && s.At.Before(ended) {
					t.Fatalf("%+v overlaps with the session that ended at %v", s, ended)
				}
			}
			lawfulSession(t, l.call.Session)
			ended = l.call.Session.EndedAt
		})
	})
}

func lawfulSession(t *rapid.T, s domain.Session) {
	sharers := 0
	for i := range s.Participants {
		p := &s.Participants[i]
		lawfulParticipant(t, s, p)
		if p.Sharing.Running() {
			sharers++
		}
		if again := s.Participant(p.UserID); again.ID != p.ID {
			t.Fatalf("%s has two records: %+v", p.UserID, s.Participants)
		}
	}
	if sharers > 1 {
		t.Fatalf("%d share the screen at once: %+v", sharers, s.Participants)
	}
	if s.Open() {
		return
	}
	if s.InCall() > 0 {
		t.Fatalf("the session ended with people in it: %+v", s)
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

func lawfulParticipant(t *rapid.T, s domain.Session, p *domain.Participant) {
	if p.JoinedAt.Before(s.StartedAt) || p.LastAt.Before(p.JoinedAt) || p.InCall() != p.LeftAt.IsZero() ||
		!p.InCall() && p.LeftAt.Before(p.JoinedAt) {
		t.Fatalf("times are out of order: %+v in a session of %v", p, s.StartedAt)
	}
	present := until(t, p.Present, p.LastAt)
	for name, w := range map[string]domain.Stopwatch{"muted": p.Muted, "camera off": p.CameraOff, "sharing": p.Sharing} {
		if total := until(t, w, p.LastAt); total > present {
			t.Fatalf("%s for %v of %v present: %+v", name, total, present, p)
		}
		if w.Running() && !p.InCall() {
			t.Fatalf("%s goes on outside the call: %+v", name, p)
		}
	}
	if wall := p.LastAt.Sub(p.JoinedAt); present > wall {
		t.Fatalf("present for %v in %v: %+v", present, wall, p)
	}
}

// until is what a stopwatch shows, with the stretch that goes on counted up to a moment.
func until(t *rapid.T, w domain.Stopwatch, at time.Time) time.Duration {
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
		live(t, func(l *life, cmd domain.Command, _ []domain.Event) {
			if events, _ := l.call.Decide(cmd); len(events) > 0 {
				t.Fatalf("%+v happens again: %+v", cmd, events)
			}
		})
	})
}

// State is nothing but the fold of the log, and the latest session's chapter of it is enough.
func TestTheLogIsTheState(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := live(t, func(*life, domain.Command, []domain.Event) {})
		unchanged(t, l.call, fold(l.log))
		if chapters := chapters(l.log); len(chapters) > 0 {
			unchanged(t, l.call, fold(chapters[len(chapters)-1]))
		}
	})
}

func TestCloneIsolates(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := live(t, func(*life, domain.Command, []domain.Event) {})
		before, clone := fold(l.log), l.call.Clone()
		for _, event := range anyEvents(t, l.call.Session.ID) {
			clone.Evolve(event)
		}
		unchanged(t, before, l.call)
		clone = l.call.Clone()
		for _, event := range anyEvents(t, l.call.Session.ID) {
			l.call.Evolve(event)
		}
		unchanged(t, before, clone)
	})
}

// Whatever is in the log folds, always to the same state, and never to negative time.
func TestAnyEventsFold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := append(happened(started(0)), anyEvents(t, "s1")...)
		call := fold(events)
		unchanged(t, call, fold(events))
		for _, p := range call.Session.Participants {
			for _, w := range []domain.Stopwatch{p.Present, p.Muted, p.CameraOff, p.Sharing} {
				if w.Total < 0 {
					t.Fatalf("%+v is negative after %v", p, events)
				}
			}
		}
	})
}

// anyEvents draws events that need not make sense: mostly of one session, in any order, at any time of some decades,
// also the zero time.
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
