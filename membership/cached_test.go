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

func TestAnswersCountForTheCacheTime(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	c.mustBe(inside)
	c.directory.change(func() { delete(c.directory.members, "s/u") })
	c.pass(5*time.Second - 1)
	c.mustBe(inside)
	c.mustHaveAsked("s/u")
	c.pass(1)
	c.mustBe(domain.Membership{})
	c.mustHaveAsked("s/u")
	// That there is none is an answer, too
	c.directory.change(func() { c.directory.members["s/u"] = inside })
	c.pass(5*time.Second - 1)
	c.mustBe(domain.Membership{})
	c.pass(1)
	c.mustBe(inside)
	c.mustHaveAsked("s/u")
}

// TestWhatIsAskedCountsFromThen: the query takes three seconds, and whoever is turned out right after it was sent is out
// five seconds later, not eight.
func TestWhatIsAskedCountsFromThen(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	c.directory.enter = func(context.Context) { c.pass(3 * time.Second) }
	c.mustBe(inside)
	c.directory.change(func() { delete(c.directory.members, "s/u"); c.directory.enter = nil })
	c.pass(2*time.Second - 1)
	c.mustBe(inside)
	c.pass(1)
	c.mustBe(domain.Membership{})
}

func TestAListAsksOnceForWhoIsNotKnown(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	c.mustName("a,x", "Ann")
	c.mustHaveAsked("a,x")
	c.mustName("a,b,c,x,b,y", "Ann,Bob,Cid")
	c.mustHaveAsked("b,c,y")
	c.mustName("y,a,x", "Ann")
	c.mustHaveAsked()
	c.pass(5 * time.Second)
	c.mustName("a,b", "Ann,Bob")
	c.mustHaveAsked("a,b")
	if users, err := c.Users(t.Context(), nil); err != nil || len(users) != 0 {
		t.Errorf("nobody: %v, %v", users, err)
	}
	c.mustHaveAsked()
}

func TestAListOfMembershipsAsksOnceForThoseThatAreNotKnown(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	c.mustBe(inside)
	c.mustHaveAsked("s/u")
	known, stranger, other := membership.Place{StudyID: "s", UserID: "u"}, membership.Place{StudyID: "s", UserID: "x"}, membership.Place{StudyID: "r", UserID: "u"}
	for _, asked := range [][]string{{"r/u,s/x"}, nil} {
		got, err := c.Memberships(t.Context(), []membership.Place{known, stranger, other})
		if err != nil || got[known] != inside || got[stranger].Active() || got[other].Active() {
			t.Errorf("Memberships = %+v, %v", got, err)
		}
		c.mustHaveAsked(asked...)
	}
}

// TestAStampedeCostsOneQuery: a hundred ask while the first is under way, singly and in lists.
func TestAStampedeCostsOneQuery(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	asking, answer := make(chan struct{}, 1), make(chan struct{})
	c.directory.enter = func(context.Context) { asking <- struct{}{}; <-answer }
	var all sync.WaitGroup
	all.Go(func() { c.mustName("a,b,c", "Ann,Bob,Cid") })
	<-asking
	for i := range 100 {
		all.Go(func() {
			if i%2 == 0 {
				c.mustName("b", "Bob")
			} else {
				c.mustName("c,a", "Ann,Cid")
			}
		})
	}
	close(answer)
	all.Wait()
	c.mustHaveAsked("a,b,c")
}

// TestAListDoesNotAskForWhatAnotherDoes: overlapping lists under way at once.
func TestAListDoesNotAskForWhatAnotherDoes(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	asking, answer := make(chan struct{}, 2), make(chan struct{})
	c.directory.enter = func(context.Context) { asking <- struct{}{}; <-answer }
	var all sync.WaitGroup
	all.Go(func() { c.mustName("a,b", "Ann,Bob") })
	<-asking
	all.Go(func() { c.mustName("b,c", "Bob,Cid") })
	<-asking
	close(answer)
	all.Wait()
	c.mustHaveAsked("a,b", "c")
}

// TestWhoGivesUpDisturbsNobody: the caller whose question it was goes away, and the one who shares it gets the answer.
func TestWhoGivesUpDisturbsNobody(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	asking, answer := make(chan struct{}), make(chan struct{})
	c.directory.enter = func(context.Context) { close(asking); <-answer }
	impatient, goAway := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := c.Membership(impatient, "s", "u")
		gone <- err
	}()
	<-asking
	var other sync.WaitGroup
	other.Go(func() { c.mustBe(inside) })
	goAway()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up: %v", err)
	}
	close(answer)
	other.Wait()
	c.mustHaveAsked("s/u")
}

// TestAQuestionThatIsTooOldIsNotShared: with no cache at all, whoever comes later asks anew, and what the earlier question
// brings later does not count.
func TestAQuestionThatIsTooOldIsNotShared(t *testing.T) {
	t.Parallel()
	c := newCache(t, func(s *membership.CacheSettings) { s.Fresh = 0 })
	c.mustBe(inside)
	c.mustBe(inside)
	c.mustHaveAsked("s/u", "s/u")
	asking, answer := make(chan struct{}), make(chan struct{})
	c.directory.enter = func(context.Context) { close(asking); <-answer }
	var early sync.WaitGroup
	early.Go(func() { _, _ = c.Membership(t.Context(), "s", "u") })
	<-asking
	c.directory.change(func() { delete(c.directory.members, "s/u"); c.directory.enter = nil })
	c.pass(time.Millisecond)
	c.mustBe(domain.Membership{})
	close(answer)
	early.Wait()
	c.mustHaveAsked("s/u", "s/u")
}

// TestMemoryIsBounded: in how many are kept, and in how much each of them is.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	c := newCache(t, func(s *membership.CacheSettings) { s.Memberships, s.Users = 2, 2 })
	c.mustName("a,b", "Ann,Bob")
	c.mustName("a", "Ann")
	c.mustName("c", "Cid") // b has not been asked for the longest
	c.mustHaveAsked("a,b", "c")
	c.mustName("a,c", "Ann,Cid")
	c.mustHaveAsked()
	c.mustName("a,b,c", "Ann,Bob,Cid") // more than are kept
	c.mustHaveAsked("b")
	for _, study := range []string{"1", "2", "3", "1"} {
		if _, err := c.Membership(t.Context(), study, "u"); err != nil {
			t.Error(err)
		}
	}
	c.mustHaveAsked("1/u", "2/u", "3/u", "1/u")
}

// TestHeavyUsersAreKeptCut: their id and status are what lets them in during an outage.
func TestHeavyUsersAreKeptCut(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	long, longest := "https://example.com/"+strings.Repeat("a", 4000), "https://example.com/"+strings.Repeat("a", 4<<10)
	c.directory.people["fits"] = membership.User{ID: "fits", Name: "Fit", Avatar: &long, Status: "ACTIVE"}
	c.directory.people["heavy"] = membership.User{
		ID: "heavy", Name: strings.Repeat("x", 999) + "김", Email: strings.Repeat("e", 5000), Avatar: &longest, Status: "ACTIVE",
	}
	want := map[string]membership.User{
		"fits":  c.directory.people["fits"],
		"heavy": {ID: "heavy", Name: strings.Repeat("x", 999), Email: strings.Repeat("e", 1000), Status: "ACTIVE"},
	}
	for _, away := range []error{nil, nil, errAway} { // fresh, kept, and kept while the directory is away
		if away != nil {
			c.pass(10 * time.Second)
			c.directory.err = away
		}
		got, err := c.Users(t.Context(), []string{"fits", "heavy"})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("away: %v: %.200v, %v", away, got, err)
		}
	}
	c.mustHaveAsked("fits,heavy", "fits,heavy")
}

// TestAYoungerViewOfTheCache notices a change sooner, shares what it finds, and outlives an outage as long.
func TestAYoungerViewOfTheCache(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	younger := c.Younger(time.Second)
	look := func() bool {
		t.Helper()
		found, err := younger.Memberships(t.Context(), []membership.Place{{StudyID: "s", UserID: "u"}})
		if err != nil {
			t.Error(err)
		}
		return found[membership.Place{StudyID: "s", UserID: "u"}].Active()
	}
	c.mustBe(inside)
	c.directory.change(func() { delete(c.directory.members, "s/u") })
	c.pass(4*time.Second - 1)
	if !look() {
		t.Error("the answer is younger than 4 s, and counts")
	}
	c.mustHaveAsked("s/u")
	c.pass(1)
	if look() {
		t.Error("after 4 s, it still counts")
	}
	c.mustBe(domain.Membership{}) // found by the look
	c.mustHaveAsked("s/u")
	c.directory.change(func() { c.directory.members["s/u"] = inside })
	c.pass(4 * time.Second)
	if !look() {
		t.Error("4 s after the answer that there is none, it still counts")
	}
	c.directory.err = errAway
	c.pass(time.Minute - 1)
	if !look() {
		t.Error("away")
	}
	if always := c.Younger(time.Hour); always != nil {
		c.directory.change(func() { c.directory.err = nil; c.directory.asked = nil })
		c.pass(time.Second)
		for range 2 {
			if _, err := always.Membership(t.Context(), "s", "u"); err != nil {
				t.Error(err)
			}
		}
		c.mustHaveAsked("s/u", "s/u")
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	t.Parallel()
	good := membership.DefaultCacheSettings(nil)
	for name, change := range map[string]func(*membership.CacheSettings){
		"negative": func(s *membership.CacheSettings) { s.Fresh = -1 },
		"no users": func(s *membership.CacheSettings) { s.Users = 0 },
		"no room":  func(s *membership.CacheSettings) { s.Memberships = 0 },
		"at once":  func(s *membership.CacheSettings) { s.Patience = 0 },
	} {
		settings := good
		change(&settings)
		if _, err := membership.NewCached(&directory{}, settings); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestManyAtOnce lets the race detector look at everything at once, with answers that change all the time.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	c := newCache(t, func(s *membership.CacheSettings) { s.Fresh, s.Users, s.Memberships = 2, 2, 3 })
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 500 {
				c.pass(1)
				switch (worker + i) % 3 {
				case 0:
					c.mustName("a,b,c", "Ann,Bob,Cid")
				case 1:
					c.mustName("b,x", "Bob")
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
