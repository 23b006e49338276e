package membership

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/studycall/studycall/domain"
)

// Cached users are cut: the web app bounds names and avatars by megabytes only, and a cache bounded by a number of users has to
// bound each. The limits, in bytes, are those of the service's own tables; for avatars twice that. Half a URL shows nothing, so a
// longer avatar is dropped.
const (
	maxCachedText   = maxTextBytes
	maxCachedAvatar = 2 * maxAvatarBytes
)

// CacheSettings are the bounds of a Cached. All are required.
type CacheSettings struct {
	// Fresh is how long an entry is valid, from when the directory was queried. With 0, every lookup is a query.
	Fresh time.Duration
	// Known is how long an entry is valid while the directory is unavailable, from when it was queried.
	Known time.Duration
	// Memberships and Users are the numbers of entries. The least recently used ones are evicted.
	Memberships, Users int
	// QueryTimeout is how long a query may take before the directory counts as unavailable.
	QueryTimeout time.Duration
	// Now is the clock. It must be safe for concurrent use.
	Now func() time.Time
	// Log receives the beginning and the end of an outage.
	Log *slog.Logger
}

// DefaultCacheSettings returns the documented bounds with the system's clock: 5 s, a minute while the directory is unavailable,
// and some 20 MB when full.
func DefaultCacheSettings(log *slog.Logger) CacheSettings {
	return CacheSettings{
		Fresh: 5 * time.Second, Known: time.Minute, Memberships: 50_000, Users: 20_000,
		QueryTimeout: 2 * time.Second, Now: time.Now, Log: log,
	}
}

// Cached is a Directory that caches another one for a short time, "not found" too, so that a change there is visible here within
// CacheSettings.Fresh. An entry's age counts from before its query was sent. Concurrent lookups of the same key share one query,
// and a list costs one query at most.
//
// When a query fails, for whatever reason, entries of the last CacheSettings.Known are valid, except one that says that a user is
// no active member, because the user may be one by now; for all others the error is ErrUnavailable. During an outage, one query a
// second is sent, and no other lookup waits for it.
//
// Names and addresses of users are cut to 1,000 bytes, and avatars beyond 4 KB are nil.
//
// Cached is safe for concurrent use. A caller whose context ends gets that error at once; others that share the query get its
// result.
type Cached struct {
	memberships *lookups[Key, domain.Membership]
	users       *lookups[string, User]
	age         time.Duration // entries must be younger
}

// NewCached returns a cache of a directory. The error is about invalid settings.
func NewCached(directory Directory, settings CacheSettings) (*Cached, error) {
	if settings.Fresh < 0 || settings.Known < 0 || settings.QueryTimeout <= 0 {
		return nil, errors.New("the durations of a membership cache must not be negative, and the query timeout must be positive")
	}
	outage := &outage{now: settings.Now, log: settings.Log}
	memberships, err := newLookups(settings, outage, settings.Memberships, domain.Membership.Active,
		func(ctx context.Context, keys []Key) (map[Key]domain.Membership, error) {
			if len(keys) > 1 {
				return directory.Memberships(ctx, keys)
			}
			m, err := directory.Membership(ctx, keys[0].StudyID, keys[0].UserID)
			return map[Key]domain.Membership{keys[0]: m}, err
		})
	users, usersErr := newLookups(settings, outage, settings.Users, func(User) bool { return true },
		func(ctx context.Context, ids []string) (map[string]User, error) {
			found, err := directory.Users(ctx, ids)
			for id, user := range found {
				found[id] = user.short()
			}
			return found, err
		})
	if err = errors.Join(err, usersErr); err != nil {
		return nil, err
	}
	return &Cached{memberships, users, settings.Fresh}, nil
}

// WithShorterAge returns a view of the same cache in which entries are valid for a shorter time, by the given duration, while the
// directory is available. A caller that checks a membership every so often, by that duration, notices its end within
// CacheSettings.Fresh; with the full age it would take one check more.
func (c *Cached) WithShorterAge(by time.Duration) *Cached {
	return &Cached{c.memberships, c.users, max(c.age-by, 0)}
}

// short returns the user with texts of bounded length.
func (u User) short() User {
	u.Name, u.Email, u.Status = cut(u.Name), cut(u.Email), cut(u.Status)
	if u.Avatar != nil && len(*u.Avatar) > maxCachedAvatar {
		u.Avatar = nil
	}
	return u
}

// cut returns the beginning of a long text, in whole characters. It copies, so that the rest is not kept in memory.
func cut(text string) string {
	if len(text) <= maxCachedText {
		return text
	}
	end := maxCachedText
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.Clone(text[:end])
}

// Membership implements Directory. The error is the directory's or ctx's.
func (c *Cached) Membership(ctx context.Context, studyID, userID string) (domain.Membership, error) {
	key := Key{studyID, userID}
	if m, ok := c.memberships.cached(key, c.age); ok {
		return m, nil
	}
	found, err := c.memberships.get(ctx, []Key{key}, c.age)
	return found[key], err
}

// Memberships implements Directory. It works like Users.
func (c *Cached) Memberships(ctx context.Context, keys []Key) (map[Key]domain.Membership, error) {
	return c.memberships.get(ctx, keys, c.age)
}

// Users implements Directory. Ids without an entry are looked up together; if that fails, the whole lookup fails. The error is
// the directory's or ctx's.
func (c *Cached) Users(ctx context.Context, ids []string) (map[string]User, error) {
	return c.users.get(ctx, ids, c.age)
}
