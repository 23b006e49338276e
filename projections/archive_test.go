package projections_test

import (
	"testing"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/projections"
)

// archive is a house whose days are those of a statistics time zone, with the queries on what has ended.
type archive struct {
	*house
	history *projections.HistoryQueries
	users   *projections.UserStatsQueries
	studies *projections.StudyStatsQueries
}

func newArchive(t *testing.T, zone *time.Location) *archive {
	t.Helper()
	h := vacantHouse(t, projections.All(zone)...)
	h.prepare()
	h.occupy()
	return &archive{h, projections.NewHistoryQueries(h.pool, h.store), projections.NewUserStatsQueries(h.pool, h.store),
		projections.NewStudyStatsQueries(h.pool, h.store, zone)}
}

// meeting is an ended session: everybody joins at its start and stays for so long.
type meeting struct {
	id     string
	start  time.Time
	length time.Duration
	stays  []stay
}

type stay struct {
	user   string
	length time.Duration
}

// events are the meeting's. Participants are called by session and user.
func (m meeting) events() []domain.Event {
	fact := func(after time.Duration) domain.Fact { return domain.Fact{SessionID: m.id, At: m.start.Add(after)} }
	events := []domain.Event{domain.SessionStarted{Fact: fact(0), StartedBy: "kim"}}
	for _, s := range m.stays {
		events = append(events, domain.ParticipantJoined{Fact: fact(0), ParticipantID: m.id + "/" + s.user, UserID: s.user})
	}
	for _, s := range m.stays {
		events = append(events, domain.ParticipantLeft{Fact: fact(s.length), UserID: s.user, Reason: domain.Left})
	}
	return append(events, domain.SessionEnded{Fact: fact(m.length), Reason: domain.EveryoneLeft})
}

// met appends meetings to a study, waits until all queries know them, and returns the position of the last event.
func (a *archive) met(study string, meetings ...meeting) int64 {
	a.t.Helper()
	var events []domain.Event
	for _, m := range meetings {
		events = append(events, m.events()...)
	}
	if len(events) > 0 {
		a.given(study, events...)
	}
	a.caughtUp()
	return a.head()
}

func zoneOf(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}
