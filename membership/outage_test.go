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

// errAway is as good as any of a database that is away.
var errAway = context.DeadlineExceeded

func (c *cache) mustBeAway() {
	c.t.Helper()
	if m, err := c.Membership(c.t.Context(), "s", "u"); !errors.Is(err, membership.ErrUnavailable) || errors.As(err, new(*domain.Error)) {
		c.t.Errorf("Membership = %+v, %v", m, err)
	}
}

func TestWhoWasKnownWithinTheLastMinuteGoesOn(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	c.mustBe(inside)
	c.mustName("a,x", "Ann")
	c.directory.err = errAway
	c.pass(time.Minute - 1)
	c.mustBe(inside)
	c.mustName("a,x", "Ann")
	if _, err := c.Users(t.Context(), []string{"a", "b"}); !errors.Is(err, membership.ErrUnavailable) {
		t.Errorf("with somebody who is not known: %v", err)
	}
	c.pass(1)
	c.mustBeAway()
	if _, err := c.Users(t.Context(), []string{"a"}); !errors.Is(err, membership.ErrUnavailable) {
		t.Errorf("known too long ago: %v", err)
	}
	// Back
	c.directory.change(func() { c.directory.err = nil; delete(c.directory.members, "s/u") })
	c.pass(time.Second)
	c.mustBe(domain.Membership{})
	c.mustName("a,b", "Ann,Bob")
	if got := c.log.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "level=WARN") || !strings.HasSuffix(got, "is back\"\n") {
		t.Errorf("logged:\n%s", got)
	}
}

// TestWhoWasNoMemberIsNotRefusedForThat: they may be one by now, and who is cannot be looked up.
func TestWhoWasNoMemberIsNotRefusedForThat(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]domain.Membership{"unknown": {}, "not let in yet": {Role: domain.Member, Status: "PENDING"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCache(t)
			c.directory.members["s/u"] = before
			c.mustBe(before)
			c.directory.err = errAway
			c.mustBe(before) // it counts as long as any answer
			c.pass(5 * time.Second)
			c.mustBeAway()
		})
	}
}

// TestADirectoryThatIsAwayIsTriedOnceASecond: for whatever key, and nobody else waits for it.
func TestADirectoryThatIsAwayIsTriedOnceASecond(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	c.directory.err = errAway
	c.mustBeAway()
	c.mustHaveAsked("s/u")
	for range 10 {
		c.mustBeAway()
		c.pass(90 * time.Millisecond)
	}
	if _, err := c.Users(t.Context(), []string{"a"}); !errors.Is(err, membership.ErrUnavailable) {
		t.Errorf("Users: %v", err)
	}
	c.mustHaveAsked()
	c.pass(100 * time.Millisecond)
	asking, answer := make(chan struct{}), make(chan struct{})
	c.directory.change(func() {
		c.directory.err = nil
		c.directory.enter = func(context.Context) { close(asking); <-answer }
	})
	tried := make(chan struct{})
	go func() { defer close(tried); c.mustBe(inside) }()
	<-asking
	if _, err := c.Membership(t.Context(), "s", "another"); !errors.Is(err, membership.ErrUnavailable) {
		t.Errorf("while one tries: %v", err)
	}
	close(answer)
	<-tried
	c.directory.change(func() { c.directory.enter = nil })
	c.mustName("a", "Ann")
	c.mustHaveAsked("s/u", "a")
}

// TestAQuestionThatFails, for whatever reason, is answered as of a moment ago, and else it says that nothing is known. A
// directory that may well answer the next one is asked it.
func TestAQuestionThatFails(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	c.mustBe(inside)
	c.mustName("a", "Ann")
	mistake := errors.New("a mistake in the statement")
	c.directory.err = mistake
	c.pass(time.Minute - 1)
	for range 3 {
		c.mustBe(inside)
		c.mustName("a", "Ann")
	}
	c.mustHaveAsked("s/u", "a", "s/u", "a", "s/u", "a", "s/u", "a")
	if _, err := c.Membership(t.Context(), "s", "another"); !errors.Is(err, membership.ErrUnavailable) || !errors.Is(err, mistake) {
		t.Errorf("another's: %v", err)
	}
	c.pass(1)
	c.mustBeAway()
	if got := c.log.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "a mistake in the statement") {
		t.Errorf("logged:\n%s", got)
	}
	c.pass(10 * time.Second)
	c.mustBeAway()
	if got := c.log.String(); strings.Count(got, "level=WARN") != 2 {
		t.Errorf("logged:\n%s", got)
	}
	c.directory.change(func() { c.directory.err = nil })
	c.mustBe(inside)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	c.directory.change(func() { c.directory.enter = func(context.Context) { <-t.Context().Done() } })
	if _, err := c.Membership(canceled, "s", "another"); errors.Is(err, membership.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that goes away: %v", err)
	}
}

// TestTheMembershipDatabaseSaysNotNow: the real one, by each of the ways in which it refuses a SELECT that is right.
func TestTheMembershipDatabaseSaysNotNow(t *testing.T) {
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
		"a right that is taken away":    {"42501", `revoke select on "StudyMember" from ROLE`, `grant select on "StudyMember" to ROLE`, false},
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
			settings.Now = func() time.Time { return start.Add(time.Duration(clock.passed.Load())) }
			cached, err := membership.NewCached(source, settings)
			if err != nil {
				t.Fatal(err)
			}
			access := membership.NewAccess(cached)
			if err := access.ActiveMember(t.Context(), webStudy, webOwner); err != nil {
				t.Fatal(err)
			}

			as(c.before)
			clock.pass(30 * time.Second)
			if err := access.ActiveMember(t.Context(), webStudy, webOwner); err != nil {
				t.Errorf("known: %v", err)
			}
			clock.pass(time.Second)
			err = access.ActiveMember(t.Context(), webStudy, webMember)
			if said := (*pgconn.PgError)(nil); !errors.Is(err, membership.ErrUnavailable) || !errors.As(err, &said) || said.Code != c.code {
				t.Errorf("not known: %v", err)
			}
			as(c.after)
			err = access.ActiveMember(t.Context(), webStudy, webAdmin)
			if backsOff := errors.Is(err, membership.ErrUnavailable); backsOff != c.backsOff {
				t.Errorf("at once afterwards: %v", err)
			}
			clock.pass(time.Second)
			if err := access.ActiveMember(t.Context(), webStudy, webAdmin); err != nil {
				t.Errorf("back: %v", err)
			}
		})
	}
}

// TestADirectoryThatHangsCountsAsAway, however patient the caller is.
func TestADirectoryThatHangsCountsAsAway(t *testing.T) {
	t.Parallel()
	c := newCache(t, func(s *membership.CacheSettings) { s.Patience = time.Millisecond })
	c.directory.enter = func(ctx context.Context) { <-ctx.Done() }
	c.mustBeAway()
}

// TestTheMembershipDatabaseIsStopped: the real one, with its real errors.
func TestTheMembershipDatabaseIsStopped(t *testing.T) {
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
	settings.Now = func() time.Time { return now.Add(time.Duration(c.passed.Load())) }
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
		c.pass(30 * time.Second)
		if err := access.ActiveMember(t.Context(), webStudy, webOwner); err != nil {
			t.Errorf("known: %v", err)
		}
		if err := access.ActiveMember(t.Context(), webStudy, webMember); !errors.Is(err, membership.ErrUnavailable) {
			t.Errorf("not known: %v", err)
		}
		if _, err := access.Account(t.Context(), webMember); !errors.Is(err, membership.ErrUnavailable) {
			t.Errorf("not known: %v", err)
		}
		c.pass(31 * time.Second)
		if err := access.ActiveMember(t.Context(), webStudy, webOwner); !errors.Is(err, membership.ErrUnavailable) {
			t.Errorf("known too long ago: %v", err)
		}
		if err := cluster.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		// Each connection that died is met once.
		for try := 0; ; try++ {
			c.pass(time.Second)
			err := access.ActiveMember(t.Context(), webStudy, webOwner)
			if err == nil {
				break
			}
			if try > 10 || !errors.Is(err, membership.ErrUnavailable) {
				t.Fatalf("back: %v", err)
			}
		}
	}
}
