package membership_test

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// directory is a Directory that counts what it is asked, and does what the test says.
type directory struct {
	mu      sync.Mutex
	members map[string]domain.Membership // by "study/user"
	people  map[string]membership.User
	err     error
	asked   []string                  // "study/user", or ids with commas between
	enter   func(ctx context.Context) // called in each question, before it is answered
}

func (d *directory) ask(ctx context.Context, question string) error {
	d.mu.Lock()
	d.asked = append(d.asked, question)
	enter, err := d.enter, d.err
	d.mu.Unlock()
	if enter != nil {
		enter(ctx)
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

func (d *directory) Membership(ctx context.Context, studyID, userID string) (domain.Membership, error) {
	if err := d.ask(ctx, studyID+"/"+userID); err != nil {
		return domain.Membership{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.members[studyID+"/"+userID], nil
}

func (d *directory) Memberships(ctx context.Context, places []membership.Place) (map[membership.Place]domain.Membership, error) {
	names := make([]string, len(places))
	for i, p := range places {
		names[i] = p.StudyID + "/" + p.UserID
	}
	if err := d.ask(ctx, strings.Join(slices.Sorted(slices.Values(names)), ",")); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	found := map[membership.Place]domain.Membership{}
	for i, p := range places {
		if m, is := d.members[names[i]]; is {
			found[p] = m
		}
	}
	return found, nil
}

func (d *directory) Users(ctx context.Context, ids []string) (map[string]membership.User, error) {
	if err := d.ask(ctx, strings.Join(slices.Sorted(slices.Values(ids)), ",")); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	people := maps.Clone(d.people)
	maps.DeleteFunc(people, func(id string, _ membership.User) bool { return !slices.Contains(ids, id) })
	return people, nil
}

// change does something to the directory while nobody reads it.
func (d *directory) change(do func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do()
}

// questions are those asked since the last call.
func (d *directory) questions() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	asked := d.asked
	d.asked = nil
	return asked
}

// cache is a Cached over a directory, at a time that goes on only when the test says so.
type cache struct {
	*membership.Cached
	t         testing.TB
	directory *directory
	passed    atomic.Int64
	log       bytes.Buffer
}

var inside = domain.Membership{Role: domain.Member, Status: domain.Active}

// newCache is a cache of 5 s over a directory in which the user u is in the study s; Ann, Bob and Cid have accounts.
func newCache(tb testing.TB, changes ...func(*membership.CacheSettings)) *cache {
	tb.Helper()
	c := &cache{t: tb, directory: &directory{
		members: map[string]domain.Membership{"s/u": inside},
		people:  map[string]membership.User{},
	}}
	for id, name := range map[string]string{"a": "Ann", "b": "Bob", "c": "Cid"} {
		c.directory.people[id] = membership.User{ID: id, Name: name, Status: "ACTIVE"}
	}
	settings := membership.DefaultCacheSettings(slog.New(slog.NewTextHandler(&c.log, nil)))
	start := time.Now()
	settings.Now = func() time.Time { return start.Add(time.Duration(c.passed.Load())) }
	for _, change := range changes {
		change(&settings)
	}
	cached, err := membership.NewCached(c.directory, settings)
	if err != nil {
		tb.Fatal(err)
	}
	c.Cached = cached
	return c
}

func (c *cache) pass(d time.Duration) { c.passed.Add(int64(d)) }

func (c *cache) mustBe(want domain.Membership) {
	c.t.Helper()
	if got, err := c.Membership(c.t.Context(), "s", "u"); err != nil || got != want {
		c.t.Errorf("Membership = %+v, %v, want %+v", got, err, want)
	}
}

// mustName looks the ids up and expects the names, with commas between, in the order of ids.
func (c *cache) mustName(ids, want string) {
	c.t.Helper()
	users, err := c.Users(c.t.Context(), strings.Split(ids, ","))
	var names []string
	for _, id := range slices.Sorted(maps.Keys(users)) {
		names = append(names, users[id].Name)
	}
	if got := strings.Join(names, ","); err != nil || got != want {
		c.t.Errorf("Users(%s) are %s (%v), want %s", ids, got, err, want)
	}
}

// mustHaveAsked expects the questions since the last time.
func (c *cache) mustHaveAsked(want ...string) {
	c.t.Helper()
	if got := c.directory.questions(); !slices.Equal(got, want) {
		c.t.Errorf("asked %q, want %q", got, want)
	}
}
