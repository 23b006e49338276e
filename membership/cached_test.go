package membership_test

import (
	"context"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

func TestEntriesAreValidForTheFreshTime(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	c.wantMembership(activeMember)
	c.directory.change(func() { delete(c.directory.members, "s/u") })
	c.advance(5*time.Second - 1)
	c.wantMembership(activeMember)
	c.wantQueries("s/u")
	c.advance(1)
	c.wantMembership(domain.Membership{})
	c.wantQueries("s/u")
	// "Not found" is an entry, too
	c.directory.change(func() { c.directory.members["s/u"] = activeMember })
	c.advance(5*time.Second - 1)
	c.wantMembership(domain.Membership{})
	c.advance(1)
	c.wantMembership(activeMember)
	c.wantQueries("s/u")
}

// The query takes three seconds. The removal of a member right after it was sent is visible five seconds later, not eight.
func TestAnEntrysAgeCountsFromTheStartOfItsQuery(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	c.directory.enter = func(context.Context) { c.advance(3 * time.Second) }
	c.wantMembership(activeMember)
	c.directory.change(func() { delete(c.directory.members, "s/u"); c.directory.enter = nil })
	c.advance(2*time.Second - 1)
	c.wantMembership(activeMember)
	c.advance(1)
	c.wantMembership(domain.Membership{})
}

func TestAListOfUsersCostsOneQueryForTheMissingOnes(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	c.wantNames("a,x", "Ann")
	c.wantQueries("a,x")
	c.wantNames("a,b,c,x,b,y", "Ann,Bob,Cid")
	c.wantQueries("b,c,y")
	c.wantNames("y,a,x", "Ann")
	c.wantQueries()
	c.advance(5 * time.Second)
	c.wantNames("a,b", "Ann,Bob")
	c.wantQueries("a,b")
	if users, err := c.Users(t.Context(), nil); err != nil || len(users) != 0 {
		t.Errorf("no ids: %v, %v", users, err)
	}
	c.wantQueries()
}

func TestAListOfMembershipsCostsOneQueryForTheMissingOnes(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	c.wantMembership(activeMember)
	c.wantQueries("s/u")
	known, stranger, other := membership.Key{StudyID: "s", UserID: "u"}, membership.Key{StudyID: "s", UserID: "x"}, membership.Key{StudyID: "r", UserID: "u"}
	for _, queries := range [][]string{{"r/u,s/x"}, nil} {
		got, err := c.Memberships(t.Context(), []membership.Key{known, stranger, other})
		if err != nil || got[known] != activeMember || got[stranger].Active() || got[other].Active() {
			t.Errorf("Memberships = %+v, %v", got, err)
		}
		c.wantQueries(queries...)
	}
}

// A hundred lookups, singly and in lists, follow while the first query is in flight.
func TestConcurrentLookupsShareOneQuery(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	querying, release := make(chan struct{}, 1), make(chan struct{})
	c.directory.enter = func(context.Context) { querying <- struct{}{}; <-release }
	var all sync.WaitGroup
	all.Go(func() { c.wantNames("a,b,c", "Ann,Bob,Cid") })
	<-querying
	for i := range 100 {
		all.Go(func() {
			if i%2 == 0 {
				c.wantNames("b", "Bob")
			} else {
				c.wantNames("c,a", "Ann,Cid")
			}
		})
	}
	close(release)
	all.Wait()
	c.wantQueries("a,b,c")
}

func TestOverlappingListsQueryEachKeyOnce(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	querying, release := make(chan struct{}, 2), make(chan struct{})
	c.directory.enter = func(context.Context) { querying <- struct{}{}; <-release }
	var all sync.WaitGroup
	all.Go(func() { c.wantNames("a,b", "Ann,Bob") })
	<-querying
	all.Go(func() { c.wantNames("b,c", "Bob,Cid") })
	<-querying
	close(release)
	all.Wait()
	c.wantQueries("a,b", "c")
}

// The caller that started the query is cancelled, and the one that shares it gets the result.
func TestACancelledCallerDoesNotDisturbOthers(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	querying, release := make(chan struct{}), make(chan struct{})
	c.directory.enter = func(context.Context) { close(querying); <-release }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := c.Membership(ctx, "s", "u")
		ended <- err
	}()
	<-querying
	var other sync.WaitGroup
	other.Go(func() { c.wantMembership(activeMember) })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the cancelled caller: %v", err)
	}
	close(release)
	other.Wait()
	c.wantQueries("s/u")
}

// Without a cache, a later lookup sends a query of its own, and the later result of the earlier query does not replace its result.
func TestAQueryThatIsTooOldIsNotShared(t *testing.T) {
	t.Parallel()
	c := newCache(t, func(s *membership.CacheSettings) { s.Fresh = 0 })
	c.wantMembership(activeMember)
	c.wantMembership(activeMember)
	c.wantQueries("s/u", "s/u")
	querying, release := make(chan struct{}), make(chan struct{})
	c.directory.enter = func(context.Context) { close(querying); <-release }
	var early sync.WaitGroup
	early.Go(func() { _, _ = c.Membership(t.Context(), "s", "u") })
	<-querying
	c.directory.change(func() { delete(c.directory.members, "s/u"); c.directory.enter = nil })
	c.advance(time.Millisecond)
	c.wantMembership(domain.Membership{})
	close(release)
	early.Wait()
	c.wantQueries("s/u", "s/u")
}

func TestTheNumberOfEntriesIsBounded(t *testing.T) {
	t.Parallel()
	c := newCache(t, func(s *membership.CacheSettings) { s.Memberships, s.Users = 2, 2 })
	c.wantNames("a,b", "Ann,Bob")
	c.wantNames("a", "Ann")
	c.wantNames("c", "Cid") // evicts b, the least recently used
	c.wantQueries("a,b", "c")
	c.wantNames("a,c", "Ann,Cid")
	c.wantQueries()
	c.wantNames("a,b,c", "Ann,Bob,Cid") // more than the cache holds
	c.wantQueries("b")
	for _, study := range []string{"1", "2", "3", "1"} {
		if _, err := c.Membership(t.Context(), study, "u"); err != nil {
			t.Error(err)
		}
	}
	c.wantQueries("1/u", "2/u", "3/u", "1/u")
}

// The id and the status of a large user still let the user in during an outage.
func TestLargeUsersAreCachedCut(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	long, longest := "https://example.com/"+strings.Repeat("a", 4000), "https://example.com/"+strings.Repeat("a", 4<<10)
	c.directory.users["fits"] = membership.User{ID: "fits", Name: "Fit", Avatar: &long, Status: "ACTIVE"}
	c.directory.users["heavy"] = membership.User{
		ID: "heavy", Name: strings.Repeat("x", 999) + "김", Email: strings.Repeat("e", 5000), Avatar: &longest, Status: "ACTIVE",
	}
	want := map[string]membership.User{
		"fits":  c.directory.users["fits"],
		"heavy": {ID: "heavy", Name: strings.Repeat("x", 999), Email: strings.Repeat("e", 1000), Status: "ACTIVE"},
	}
	for _, outage := range []error{nil, nil, errOutage} { // queried, cached, and cached in an outage
		if outage != nil {
			c.advance(10 * time.Second)
			c.directory.err = outage
		}
		got, err := c.Users(t.Context(), []string{"fits", "heavy"})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("outage: %v: %.200v, %v", outage, got, err)
		}
	}
	c.wantQueries("fits,heavy", "fits,heavy")
}

func TestAViewWithAShorterAgeSeesChangesSoonerAndSharesEntries(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	younger := c.WithShorterAge(time.Second)
	active := func() bool {
		t.Helper()
		found, err := younger.Memberships(t.Context(), []membership.Key{{StudyID: "s", UserID: "u"}})
		if err != nil {
			t.Error(err)
		}
		return found[membership.Key{StudyID: "s", UserID: "u"}].Active()
	}
	c.wantMembership(activeMember)
	c.directory.change(func() { delete(c.directory.members, "s/u") })
	c.advance(4*time.Second - 1)
	if !active() {
		t.Error("an entry younger than 4 s is not valid")
	}
	c.wantQueries("s/u")
	c.advance(1)
	if active() {
		t.Error("an entry of 4 s is valid")
	}
	c.wantMembership(domain.Membership{}) // cached by the view
	c.wantQueries("s/u")
	c.directory.change(func() { c.directory.members["s/u"] = activeMember })
	c.advance(4 * time.Second)
	if !active() {
		t.Error("an entry \"not found\" of 4 s is valid")
	}
	c.directory.err = errOutage
	c.advance(time.Minute - 1)
	if !active() {
		t.Error("in an outage, an entry of a minute is not valid")
	}
	if always := c.WithShorterAge(time.Hour); always != nil {
		c.directory.change(func() { c.directory.err = nil; c.directory.queries = nil })
		c.advance(time.Second)
		for range 2 {
			if _, err := always.Membership(t.Context(), "s", "u"); err != nil {
				t.Error(err)
			}
		}
		c.wantQueries("s/u", "s/u")
	}
}

func TestInvalidSettingsAreRefused(t *testing.T) {
	t.Parallel()
	good := membership.DefaultCacheSettings(nil)
	for name, change := range map[string]func(*membership.CacheSettings){
		"negative":         func(s *membership.CacheSettings) { s.Fresh = -1 },
		"no users":         func(s *membership.CacheSettings) { s.Users = 0 },
		"no room":          func(s *membership.CacheSettings) { s.Memberships = 0 },
		"no query timeout": func(s *membership.CacheSettings) { s.QueryTimeout = 0 },
	} {
		settings := good
		change(&settings)
		if _, err := membership.NewCached(&directory{}, settings); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The race detector sees concurrent lookups whose entries expire all the time.
func TestConcurrentLookupsWithExpiringEntries(t *testing.T) {
	t.Parallel()
	c := newCache(t, func(s *membership.CacheSettings) { s.Fresh, s.Users, s.Memberships = 2, 2, 3 })
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 500 {
				c.advance(1)
				switch (worker + i) % 3 {
				case 0:
					c.wantNames("a,b,c", "Ann,Bob,Cid")
				case 1:
					c.wantNames("b,x", "Bob")
				default:
					if _, err := c.Membership(t.Context(), strconv.Itoa(i%5), "u"); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
}
