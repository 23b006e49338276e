package projections_test

import (
	"testing"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/projections"
)

// statsServer is a server with a statistics time zone, and the queries of ended sessions.
type statsServer struct {
	*server
	history *projections.HistoryQueries
	users   *projections.UserStatsQueries
	studies *projections.StudyStatsQueries
}

func newStatsServer(t *testing.T, zone *time.Location) *statsServer {
	t.Helper()
	srv := idleServer(t, projections.All(zone)...)
	srv.prepare()
	srv.run()
	return &statsServer{srv, projections.NewHistoryQueries(srv.pool, srv.store), projections.NewUserStatsQueries(srv.pool, srv.store),
		projections.NewStudyStatsQueries(srv.pool, srv.store, zone)}
}

// pastSession is an ended session. Every user joins at its start, and leaves after the length of the stay.
type pastSession struct {
	id     string
	start  time.Time
	length time.Duration
	stays  []stay
}

type stay struct {
	user   string
	length time.Duration
}

// events returns the session's events. A participant's id consists of the session's and the user's.
func (m pastSession) events() []domain.Event {
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

// givenPast appends sessions to a study, waits until all projections hold them, and returns the position of the last event.
func (a *statsServer) givenPast(study string, sessions ...pastSession) int64 {
	a.t.Helper()
	var events []domain.Event
	for _, m := range sessions {
		events = append(events, m.events()...)
	}
	if len(events) > 0 {
		a.given(study, events...)
	}
	a.waitUntilCaughtUp()
	return a.head()
}
