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

// Cached users are cut: the web app bounds names and avatars by megabytes only, and a cache bounded by a number of users
// has to bound each. The longest texts are what the service's own tables take, in bytes, an avatar's twice: half an address
// shows nothing, so a longer one is none.
const (
	longestKept       = maxTextBytes
	longestKeptAvatar = 2 * maxAvatarBytes
)

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
// When the directory is asked in vain, for whatever reason, answers of the last CacheSettings.Known still count, but for one
// that somebody is no active member, who may be one by now; for all else the error is ErrUnavailable. While it is away, it is tried again once a second, and nobody else waits for it.
//
// Of users, names and addresses beyond 1,000 bytes are cut, and avatars beyond 4 KB are nil.
//
// It may be used concurrently. A caller whose context ends gets that error at once, and disturbs nobody who shares the answer.
type Cached struct {
	memberships *answers[Place, domain.Membership]
	users       *answers[string, User]
	age         time.Duration // answers count that are younger
}

// NewCached makes the cache over a directory. The error is about settings that cannot be.
func NewCached(directory Directory, settings CacheSettings) (*Cached, error) {
	if settings.Fresh < 0 || settings.Known < 0 || settings.Patience <= 0 {
		return nil, errors.New("a cache of memberships cannot last less than no time")
	}
	away := &outage{now: settings.Now, log: settings.Log}
	memberships, err := newAnswers(settings, away, settings.Memberships, domain.Membership.Active,
		func(ctx context.Context, places []Place) (map[Place]domain.Membership, error) {
			if len(places) > 1 {
				return directory.Memberships(ctx, places)
			}
			m, err := directory.Membership(ctx, places[0].StudyID, places[0].UserID)
			return map[Place]domain.Membership{places[0]: m}, err
		})
	if err != nil {
		return nil, err
	}
	users, err := newAnswers(settings, away, settings.Users, func(User) bool { return true },
		func(ctx context.Context, ids []string) (map[string]User, error) {
			found, err := directory.Users(ctx, ids)
			for id, user := range found {
				found[id] = user.short()
			}
			return found, err
		})
	if err != nil {
		return nil, err
	}
	return &Cached{memberships, users, settings.Fresh}, nil
}

// Younger is the same cache, in which answers count for so much less time while the directory answers. Who looks again and
// again whether somebody may stay, each time so much after the last, finds out within CacheSettings.Fresh by it: with
// answers of that very age, it would be one look more.
func (c *Cached) Younger(by time.Duration) *Cached {
	return &Cached{c.memberships, c.users, max(c.age-by, 0)}
}

// short is the user with texts of bounded length.
func (u User) short() User {
	u.Name, u.Email, u.Status = cut(u.Name), cut(u.Email), cut(u.Status)
	if u.Avatar != nil && len(*u.Avatar) > longestKeptAvatar {
		u.Avatar = nil
	}
	return u
}

// cut is the beginning of a text, of whole characters. It is a copy where the rest would be kept with it.
func cut(text string) string {
	if len(text) <= longestKept {
		return text
	}
	end := longestKept
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.Clone(text[:end])
}

// Membership implements Directory. The error is the directory's, or ctx's.
func (c *Cached) Membership(ctx context.Context, studyID, userID string) (domain.Membership, error) {
	key := Place{studyID, userID}
	if m, _, ok := c.memberships.fresh(key, c.age); ok {
		return m, nil
	}
	found, err := c.memberships.get(ctx, []Place{key}, c.age)
	return found[key], err
}

// Memberships implements Directory, as Users.
func (c *Cached) Memberships(ctx context.Context, places []Place) (map[Place]domain.Membership, error) {
	return c.memberships.get(ctx, places, c.age)
}

// Users implements Directory. The ids that are not kept are looked up together; if that fails, so does the whole. The
// error is the directory's, or ctx's.
func (c *Cached) Users(ctx context.Context, ids []string) (map[string]User, error) {
	return c.users.get(ctx, ids, c.age)
}
