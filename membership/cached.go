package membership

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/studycall/studycall/domain"
)

// heaviestUser is how many bytes of a user are kept at most. The web app bounds names and avatars by megabytes only; a
// cache bounded by a number of users has to bound each.
const heaviestUser = 4 << 10

// CacheSettings are the bounds of a Cached. All are needed.
type CacheSettings struct {
	// Fresh is how long an answer counts, from when the directory was asked. With 0, each question is asked anew.
	Fresh time.Duration
	// Known is how long an answer counts while the directory is away, from when it was asked.
	Known time.Duration
	// Memberships and Users are how many of each are kept; those not asked for the longest give way.
	Memberships, Users int
	// Patience is how long the directory may take to answer before it counts as away.
	Patience time.Duration
	// Now is the clock. It must be safe for concurrent use.
	Now func() time.Time
	// Log is told when the directory goes away and when it is back.
	Log *slog.Logger
}

// DefaultCacheSettings are the contract's, with the system's clock: 5 s, a minute while the directory is away, and some
// 20 MB when full.
func DefaultCacheSettings(log *slog.Logger) CacheSettings {
	return CacheSettings{
		Fresh: 5 * time.Second, Known: time.Minute, Memberships: 50_000, Users: 20_000,
		Patience: 2 * time.Second, Now: time.Now, Log: log,
	}
}

// Cached is a Directory that keeps another one's answers for a short time, "there is none" too, so that a change there
// shows here within CacheSettings.Fresh. What was asked at that time's beginning counts, not what was answered at its end.
// Questions that are asked while the same is under way share its answer, and a list of users costs one query at most.
//
// While the directory is away (postgres.Unavailable), answers of the last CacheSettings.Known still count; for all else
// the error says so. The directory is then tried again once a second, and nobody else waits for it.
//
// It may be used concurrently. A caller whose context ends gets that error at once, and disturbs nobody who shares the answer.
type Cached struct {
	memberships *answers[Place, domain.Membership]
	users       *answers[string, User]
}

// NewCached makes the cache over a directory. The error is about settings that cannot be.
func NewCached(directory Directory, settings CacheSettings) (*Cached, error) {
	if settings.Fresh < 0 || settings.Known < 0 || settings.Patience <= 0 {
		return nil, errors.New("a cache of memberships cannot last less than no time")
	}
	away := &outage{now: settings.Now, log: settings.Log}
	memberships, err := newAnswers(settings, away, settings.Memberships,
		func(ctx context.Context, places []Place) (map[Place]domain.Membership, error) {
			if len(places) > 1 {
				return directory.Memberships(ctx, places)
			}
			m, err := directory.Membership(ctx, places[0].StudyID, places[0].UserID)
			return map[Place]domain.Membership{places[0]: m}, err
		},
		func(domain.Membership) bool { return true })
	if err != nil {
		return nil, err
	}
	users, err := newAnswers(settings, away, settings.Users, directory.Users, light)
	if err != nil {
		return nil, err
	}
	return &Cached{memberships, users}, nil
}

// light reports whether a user is worth the memory.
func light(u User) bool {
	weight := len(u.ID) + len(u.Name) + len(u.Email) + len(u.Status)
	if u.Avatar != nil {
		weight += len(*u.Avatar)
	}
	return weight <= heaviestUser
}

// Membership implements Directory. The error is the directory's, or ctx's.
func (c *Cached) Membership(ctx context.Context, studyID, userID string) (domain.Membership, error) {
	key := Place{studyID, userID}
	if m, _, ok := c.memberships.fresh(key); ok {
		return m, nil
	}
	found, err := c.memberships.get(ctx, []Place{key})
	return found[key], err
}

// Memberships implements Directory, as Users.
func (c *Cached) Memberships(ctx context.Context, places []Place) (map[Place]domain.Membership, error) {
	return c.memberships.get(ctx, places)
}

// Users implements Directory. The ids that are not kept are looked up together; if that fails, so does the whole. The
// error is the directory's, or ctx's.
func (c *Cached) Users(ctx context.Context, ids []string) (map[string]User, error) {
	return c.users.get(ctx, ids)
}
