package membership_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// errAway is as good as any of a database that is away.
var errAway = context.DeadlineExceeded

func (c *cache) mustBeAway() {
	c.t.Helper()
	if m, err := c.Membership(c.t.Context(), "s", "u"); !postgres.Unavailable(err) || errors.As(err, new(*domain.Error)) {
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
	if _, err := c.Users(t.Context(), []string{"a", "b"}); !postgres.Unavailable(err) {
		t.Errorf("with somebody who is not known: %v", err)
	}
	c.pass(1)
	c.mustBeAway()
	if _, err := c.Users(t.Context(), []string{"a"}); !postgres.Unavailable(err) {
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
	if _, err := c.Users(t.Context(), []string{"a"}); !postgres.Unavailable(err) {
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
	if _, err := c.Membership(t.Context(), "s", "another"); !postgres.Unavailable(err) {
		t.Errorf("while one tries: %v", err)
	}
	close(answer)
	<-tried
	c.directory.change(func() { c.directory.enter = nil })
	c.mustName("a", "Ann")
	c.mustHaveAsked("s/u", "a")
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
		if err := cluster.Stop(t.Context(), 0); err != nil { // at once, connections or not
			t.Fatal(err)
		}
		c.pass(30 * time.Second)
		if err := access.ActiveMember(t.Context(), webStudy, webOwner); err != nil {
			t.Errorf("known: %v", err)
		}
		if err := access.ActiveMember(t.Context(), webStudy, webMember); !postgres.Unavailable(err) {
			t.Errorf("not known: %v", err)
		}
		if _, err := access.Account(t.Context(), webMember); !postgres.Unavailable(err) {
			t.Errorf("not known: %v", err)
		}
		c.pass(31 * time.Second)
		if err := access.ActiveMember(t.Context(), webStudy, webOwner); !postgres.Unavailable(err) {
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
			if try > 10 || !postgres.Unavailable(err) {
				t.Fatalf("back: %v", err)
			}
		}
	}
}
