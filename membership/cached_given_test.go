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

// directory is a Directory in memory that records its queries.
type directory struct {
	mu      sync.Mutex
	members map[string]domain.Membership // by "study/user"
	users   map[string]membership.User
	err     error                     // returned by each query, if set
	queries []string                  // "study/user", or ids with commas between
	enter   func(ctx context.Context) // called in each query, if set
}

func (d *directory) query(ctx context.Context, query string) error {
	d.mu.Lock()
	d.queries = append(d.queries, query)
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
	if err := d.query(ctx, studyID+"/"+userID); err != nil {
		return domain.Membership{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.members[studyID+"/"+userID], nil
}

func (d *directory) Memberships(ctx context.Context, keys []membership.Key) (map[membership.Key]domain.Membership, error) {
	names := make([]string, len(keys))
	for i, p := range keys {
		names[i] = p.StudyID + "/" + p.UserID
	}
	if err := d.query(ctx, strings.Join(slices.Sorted(slices.Values(names)), ",")); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	found := map[membership.Key]domain.Membership{}
	for i, p := range keys {
		if m, ok := d.members[names[i]]; ok {
			found[p] = m
		}
	}
	return found, nil
}

func (d *directory) Users(ctx context.Context, ids []string) (map[string]membership.User, error) {
	if err := d.query(ctx, strings.Join(slices.Sorted(slices.Values(ids)), ",")); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	users := maps.Clone(d.users)
	maps.DeleteFunc(users, func(id string, _ membership.User) bool { return !slices.Contains(ids, id) })
	return users, nil
}

// change changes the directory under its lock.
func (d *directory) change(do func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do()
}

// takeQueries returns the queries since the last call.
func (d *directory) takeQueries() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	queries := d.queries
	d.queries = nil
	return queries
}

// cache is a Cached over a directory, with a clock that only advance moves.
type cache struct {
	*membership.Cached
	t         testing.TB
	directory *directory
	elapsed   atomic.Int64
	log       bytes.Buffer
}

var activeMember = domain.Membership{Role: domain.Member, Status: domain.Active}

// newCache returns a cache of 5 s over a directory in which the user u is an active member of the study s, and Ann (a), Bob (b) and
// Cid (c) have accounts.
func newCache(tb testing.TB, changes ...func(*membership.CacheSettings)) *cache {
	tb.Helper()
	c := &cache{t: tb, directory: &directory{
		members: map[string]domain.Membership{"s/u": activeMember},
		users:   map[string]membership.User{},
	}}
	for id, name := range map[string]string{"a": "Ann", "b": "Bob", "c": "Cid"} {
		c.directory.users[id] = membership.User{ID: id, Name: name, Status: "ACTIVE"}
	}
	settings := membership.DefaultCacheSettings(slog.New(slog.NewTextHandler(&c.log, nil)))
	start := time.Now()
	settings.Now = func() time.Time { return start.Add(time.Duration(c.elapsed.Load())) }
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

// advance moves the clock.
func (c *cache) advance(d time.Duration) { c.elapsed.Add(int64(d)) }

func (c *cache) wantMembership(want domain.Membership) {
	c.t.Helper()
	if got, err := c.Membership(c.t.Context(), "s", "u"); err != nil || got != want {
		c.t.Errorf("Membership = %+v, %v, want %+v", got, err, want)
	}
}

// wantNames looks the ids up and expects the names, with commas between, in the order of ids.
func (c *cache) wantNames(ids, want string) {
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

// wantQueries expects these queries since the last call.
func (c *cache) wantQueries(want ...string) {
	c.t.Helper()
	if got := c.directory.takeQueries(); !slices.Equal(got, want) {
		c.t.Errorf("queries %q, want %q", got, want)
	}
}
