package membership_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// errOutage is an error of an unavailable database.
var errOutage = context.DeadlineExceeded

func (c *cache) wantUnavailable() {
	c.t.Helper()
	if m, err := c.Membership(c.t.Context(), "s", "u"); !errors.Is(err, membership.ErrUnavailable) || errors.As(err, new(*domain.Error)) {
		c.t.Errorf("Membership = %+v, %v", m, err)
	}
}

func TestEntriesOfTheLastMinuteAreValidInAnOutage(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	c.wantMembership(activeMember)
	c.wantNames("a,x", "Ann")
	c.directory.err = errOutage
	c.advance(time.Minute - 1)
	c.wantMembership(activeMember)
	c.wantNames("a,x", "Ann")
	if _, err := c.Users(t.Context(), []string{"a", "b"}); !errors.Is(err, membership.ErrUnavailable) {
		t.Errorf("with a user who is not cached: %v", err)
	}
	c.advance(1)
	c.wantUnavailable()
	if _, err := c.Users(t.Context(), []string{"a"}); !errors.Is(err, membership.ErrUnavailable) {
		t.Errorf("cached too long ago: %v", err)
	}
	// When the directory is available again
	c.directory.change(func() { c.directory.err = nil; delete(c.directory.members, "s/u") })
	c.advance(time.Second)
	c.wantMembership(domain.Membership{})
	c.wantNames("a,b", "Ann,Bob")
	if got := c.log.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "level=WARN") || !strings.HasSuffix(got, "is available again\"\n") {
		t.Errorf("logged:\n%s", got)
	}
}

// A user who was no active member may be one by now, so that an old entry is no reason to refuse the user.
func TestInactiveMembershipsAreNotUsedInAnOutage(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]domain.Membership{"unknown": {}, "pending": {Role: domain.Member, Status: "PENDING"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCache(t)
			c.directory.members["s/u"] = before
			c.wantMembership(before)
			c.directory.err = errOutage
			c.wantMembership(before) // a fresh entry is valid
			c.advance(5 * time.Second)
			c.wantUnavailable()
		})
	}
}

// In an outage, one query a second is sent, for any key, and no other lookup waits for it.
func TestAnUnavailableDirectoryIsQueriedOnceASecond(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	c.directory.err = errOutage
	c.wantUnavailable()
	c.wantQueries("s/u")
	for range 10 {
		c.wantUnavailable()
		c.advance(90 * time.Millisecond)
	}
	if _, err := c.Users(t.Context(), []string{"a"}); !errors.Is(err, membership.ErrUnavailable) {
		t.Errorf("Users: %v", err)
	}
	c.wantQueries()
	c.advance(100 * time.Millisecond)
	querying, release := make(chan struct{}), make(chan struct{})
	c.directory.change(func() {
		c.directory.err = nil
		c.directory.enter = func(context.Context) { close(querying); <-release }
	})
	retried := make(chan struct{})
	go func() { defer close(retried); c.wantMembership(activeMember) }()
	<-querying
	if _, err := c.Membership(t.Context(), "s", "another"); !errors.Is(err, membership.ErrUnavailable) {
		t.Errorf("during the retry: %v", err)
	}
	close(release)
	<-retried
	c.directory.change(func() { c.directory.enter = nil })
	c.wantNames("a", "Ann")
	c.wantQueries("s/u", "a")
}

// A query that fails for its own reason is no outage: old entries are used, and the next lookup sends a query.
func TestAFailedQueryUsesOldEntriesAndIsNoOutage(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	c.wantMembership(activeMember)
	c.wantNames("a", "Ann")
	mistake := errors.New("a mistake in the statement")
	c.directory.err = mistake
	c.advance(time.Minute - 1)
	for range 3 {
		c.wantMembership(activeMember)
		c.wantNames("a", "Ann")
	}
	c.wantQueries("s/u", "a", "s/u", "a", "s/u", "a", "s/u", "a")
	if _, err := c.Membership(t.Context(), "s", "another"); !errors.Is(err, membership.ErrUnavailable) || !errors.Is(err, mistake) {
		t.Errorf("another's: %v", err)
	}
	c.advance(1)
	c.wantUnavailable()
	if got := c.log.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "a mistake in the statement") {
		t.Errorf("logged:\n%s", got)
	}
	c.advance(10 * time.Second)
	c.wantUnavailable()
	if got := c.log.String(); strings.Count(got, "level=WARN") != 2 {
		t.Errorf("logged:\n%s", got)
	}
	c.directory.change(func() { c.directory.err = nil })
	c.wantMembership(activeMember)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	c.directory.change(func() { c.directory.enter = func(context.Context) { <-t.Context().Done() } })
	if _, err := c.Membership(canceled, "s", "another"); errors.Is(err, membership.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled caller: %v", err)
	}
}

// A real database refuses a correct SELECT, in each of the possible ways.
func TestErrorsOfARealDatabase(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code, before, after string
		backsOff            bool
	}{
		"a statement that takes too long": {"57014", `alter table "StudyMember" rename to slow;
			create view "StudyMember" as select "studyId", "userId", role, status from slow where pg_sleep(1) is not null; grant select on "StudyMember" to ROLE`,
			`drop view "StudyMember"; alter table slow rename to "StudyMember"`, true},
		"a lock that is held": {"55P03", `alter table "StudyMember" rename to real;
			create function busy() returns bool language plpgsql as $$ begin raise sqlstate '55P03'; end $$;
			create view "StudyMember" as select "studyId", "userId", role, status from real where busy(); grant select on "StudyMember" to ROLE`,
			`drop view "StudyMember"; alter table real rename to "StudyMember"`, true},
		"a conflict on a standby": {"40001", `alter table "StudyMember" rename to real;
			create function busy() returns bool language plpgsql as $$ begin raise sqlstate '40001'; end $$;
			create view "StudyMember" as select "studyId", "userId", role, status from real where busy(); grant select on "StudyMember" to ROLE`,
			`drop view "StudyMember"; alter table real rename to "StudyMember"`, true},
		"a revoked right":               {"42501", `revoke select on "StudyMember" from ROLE`, `grant select on "StudyMember" to ROLE`, false},
		"a table that is being rebuilt": {"42P01", `alter table "StudyMember" rename to other`, `alter table other rename to "StudyMember"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, address := webApp(t)
			reader := newReader(t, pool, address)
			as := func(sql string) { t.Helper(); exec(t, pool, strings.ReplaceAll(sql, "ROLE", reader.name)) }
			as(`grant select on "User", "Study", "StudyMember" to ROLE; alter role ROLE set statement_timeout = '300ms'`)
			source, err := membership.Open(t.Context(), nil, reader.address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(source.Close)
			clock := newCache(t)
			settings := membership.DefaultCacheSettings(slog.New(slog.NewTextHandler(t.Output(), nil)))
			start := time.Now()
			settings.Now = func() time.Time { return start.Add(time.Duration(clock.elapsed.Load())) }
			cached, err := membership.NewCached(source, settings)
			if err != nil {
				t.Fatal(err)
			}
			access := membership.NewAccess(cached)
			if err := access.ActiveMember(t.Context(), webStudy, webOwner); err != nil {
				t.Fatal(err)
			}

			as(c.before)
			clock.advance(30 * time.Second)
			if err := access.ActiveMember(t.Context(), webStudy, webOwner); err != nil {
				t.Errorf("cached: %v", err)
			}
			clock.advance(time.Second)
			err = access.ActiveMember(t.Context(), webStudy, webMember)
			if serverErr := (*pgconn.PgError)(nil); !errors.Is(err, membership.ErrUnavailable) || !errors.As(err, &serverErr) || serverErr.Code != c.code {
				t.Errorf("not cached: %v", err)
			}
			as(c.after)
			err = access.ActiveMember(t.Context(), webStudy, webAdmin)
			if backsOff := errors.Is(err, membership.ErrUnavailable); backsOff != c.backsOff {
				t.Errorf("at once afterwards: %v", err)
			}
			clock.advance(time.Second)
			if err := access.ActiveMember(t.Context(), webStudy, webAdmin); err != nil {
				t.Errorf("available again: %v", err)
			}
		})
	}
}

func TestADirectoryThatHangsIsUnavailable(t *testing.T) {
	t.Parallel()
	c := newCache(t, func(s *membership.CacheSettings) { s.QueryTimeout = time.Millisecond })
	c.directory.enter = func(ctx context.Context) { <-ctx.Done() }
	c.wantUnavailable()
}

func TestOutagesOfARealDatabase(t *testing.T) {
	t.Parallel()
	cluster := postgrestest.Cluster(t)
	fill := connect(t, cluster.URL())
	script(t, fill, "webapp/schema.sql")
	script(t, fill, "webapp/people.sql")
	source, err := membership.Open(t.Context(), nil, cluster.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(source.Close)
	c := newCache(t)
	now := time.Now()
	settings := membership.DefaultCacheSettings(slog.New(slog.NewTextHandler(t.Output(), nil)))
	settings.Now = func() time.Time { return now.Add(time.Duration(c.elapsed.Load())) }
	cached, err := membership.NewCached(source, settings)
	if err != nil {
		t.Fatal(err)
	}
	access := membership.NewAccess(cached)
	if err := access.ActiveMember(t.Context(), webStudy, webOwner); err != nil {
		t.Fatal(err)
	}

	for range 2 {
		if err := cluster.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.advance(30 * time.Second)
		if err := access.ActiveMember(t.Context(), webStudy, webOwner); err != nil {
			t.Errorf("cached: %v", err)
		}
		if err := access.ActiveMember(t.Context(), webStudy, webMember); !errors.Is(err, membership.ErrUnavailable) {
			t.Errorf("not cached: %v", err)
		}
		if _, err := access.Account(t.Context(), webMember); !errors.Is(err, membership.ErrUnavailable) {
			t.Errorf("not cached: %v", err)
		}
		c.advance(31 * time.Second)
		if err := access.ActiveMember(t.Context(), webStudy, webOwner); !errors.Is(err, membership.ErrUnavailable) {
			t.Errorf("cached too long ago: %v", err)
		}
		if err := cluster.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		// Each dead connection of the pool fails once.
		for attempt := 0; ; attempt++ {
			c.advance(time.Second)
			err := access.ActiveMember(t.Context(), webStudy, webOwner)
			if err == nil {
				break
			}
			if attempt > 10 || !errors.Is(err, membership.ErrUnavailable) {
				t.Fatalf("available again: %v", err)
			}
		}
	}
}
