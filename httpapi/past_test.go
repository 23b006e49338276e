package httpapi_test

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// pastCall is a session that has ended.
type pastCall struct {
	id      string
	by      string // who started it; "": the owner
	start   time.Time
	length  time.Duration
	present []stay
}

// stay is a participant from the start of a session for the length, who begins muted, with the camera off and sharing, for the
// given times.
type stay struct {
	id, user               string
	length                 time.Duration
	muted, camera, sharing time.Duration
}

// events returns the events of the session, in the order of their times.
func (m pastCall) events() []domain.Event {
	fact := func(after time.Duration) domain.Fact { return domain.Fact{SessionID: m.id, At: m.start.Add(after)} }
	events := []domain.Event{domain.SessionStarted{Fact: fact(0), StartedBy: cmp.Or(m.by, owner)}}
	for _, p := range m.present {
		events = append(events, domain.ParticipantJoined{Fact: fact(0), ParticipantID: cmp.Or(p.id, m.id+"/"+p.user), UserID: p.user})
	}
	var later []domain.Event
	for _, p := range m.present {
		if p.muted > 0 {
			later = append(later, domain.AudioMuted{Fact: fact(0), UserID: p.user}, domain.AudioUnmuted{Fact: fact(p.muted), UserID: p.user})
		}
		if p.camera > 0 {
			later = append(later, domain.VideoTurnedOff{Fact: fact(0), UserID: p.user}, domain.VideoTurnedOn{Fact: fact(p.camera), UserID: p.user})
		}
		if p.sharing > 0 {
			later = append(later, domain.ScreenShareStarted{Fact: fact(0), UserID: p.user}, domain.ScreenShareStopped{Fact: fact(p.sharing), UserID: p.user})
		}
		later = append(later, domain.ParticipantLeft{Fact: fact(p.length), UserID: p.user, Reason: domain.Left})
	}
	slices.SortStableFunc(later, func(a, b domain.Event) int { return a.OccurredAt().Compare(b.OccurredAt()) })
	events = append(events, later...)
	return append(events, domain.SessionEnded{Fact: fact(m.length), Reason: domain.EveryoneLeft})
}

// past appends pastCalls to a study without one and returns headers that make a query wait for them.
func (s *server) past(study string, pastCalls ...pastCall) []string {
	s.tb.Helper()
	version, position := int64(0), int64(0)
	for _, m := range pastCalls {
		events := m.events()
		var err error
		position, err = s.store.Append(s.tb.Context(), eventstore.Stream(study), version, events)
		check.NoError(s.tb, err)
		version += int64(len(events))
	}
	return []string{"Min-Event-Position", strconv.FormatInt(position, 10)}
}

// everybody returns a stay of each user over the whole session.
func everybody(length time.Duration, users ...string) []stay {
	var all []stay
	for _, user := range users {
		all = append(all, stay{user: user, length: length})
	}
	return all
}

func clock(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return at
}
