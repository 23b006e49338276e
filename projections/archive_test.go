package projections_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/projections"
)

// archive is a log, its projections in a statistics time zone, and the queries on what has ended.
type archive struct {
	t        *testing.T
	pool     *pgxpool.Pool
	store    *eventstore.Store
	history  *projections.HistoryQueries
	users    *projections.UserStatsQueries
	studies  *projections.StudyStatsQueries
	versions map[string]int64
}

func newArchive(t *testing.T, zone *time.Location) *archive {
	t.Helper()
	pool, log := postgrestest.New(t), slog.New(slog.NewTextHandler(t.Output(), nil))
	store, err := eventstore.Open(t.Context(), pool, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	all := projections.All(zone)
	if err := projections.NewRebuilder(pool, store, log, func(int64, int64) {}).Prepare(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
	runInBackground(t, projections.NewRunner(store, log, all...))
	return &archive{t, pool, store, projections.NewHistoryQueries(pool, store), projections.NewUserStatsQueries(pool, store),
		projections.NewStudyStatsQueries(pool, store, zone), map[string]int64{}}
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

// given appends meetings to a study and waits until all queries know them.
func (a *archive) given(study string, meetings ...meeting) (position int64) {
	a.t.Helper()
	for _, m := range meetings {
		position = a.append(study, m.events()...)
	}
	for _, wait := range []func() error{
		func() error { return a.history.WaitFor(a.t.Context(), position) },
		func() error { return a.users.WaitFor(a.t.Context(), position) },
		func() error { return a.studies.WaitFor(a.t.Context(), position) },
	} {
		a.then(wait())
	}
	return position
}

func (a *archive) append(study string, events ...domain.Event) int64 {
	a.t.Helper()
	position, err := a.store.Append(a.t.Context(), eventstore.Stream(study), a.versions[study], events)
	a.then(err)
	a.versions[study] += int64(len(events))
	return position
}

func (a *archive) exec(sql string) {
	a.t.Helper()
	_, err := a.pool.Exec(a.t.Context(), sql)
	a.then(err)
}

func (a *archive) then(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func zoneOf(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}
