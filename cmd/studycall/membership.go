package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/membership"
)

// longestMembershipCache bounds how long a kicked user may stay. It is also how long memberships stay valid while the
// membership database is unavailable.
const longestMembershipCache = time.Minute

// membershipFlags select the tables of users and members.
type membershipFlags struct {
	MembershipURL   string        `name:"membership-url" env:"STUDYCALL_MEMBERSHIP_URL" placeholder:"URL" help:"The web app's database, read-only, in the form of its DATABASE_URL. Empty: the web app's tables in the service's database if they exist, else the service's own tables."`
	MembershipCache time.Duration `name:"membership-cache" env:"STUDYCALL_MEMBERSHIP_CACHE" default:"5s" placeholder:"TIME" help:"How long users and members are cached, and so how long a kicked user may stay (${default}); up to 1m."`
}

func (f membershipFlags) check() error {
	if f.MembershipCache < 0 || f.MembershipCache > longestMembershipCache {
		return usageErrorf("--membership-cache must be 0s to 1m, not %v", f.MembershipCache)
	}
	if f.MembershipURL != "" {
		if err := membership.CheckURL(f.MembershipURL); err != nil {
			return usageErrorf("--membership-url: %w", err)
		}
	}
	return nil
}

// directory opens the source of memberships, and the cache in front of it. The caller closes the source.
func (f membershipFlags) directory(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) (*membership.Source, *membership.Cached, error) {
	source, err := membership.Open(ctx, pool, f.MembershipURL)
	if err != nil {
		return nil, nil, err
	}
	for _, doubt := range source.Doubts {
		log.Warn(doubt)
	}
	if len(source.Ignored) > 0 {
		log.Debug("ignored parameters of --membership-url", "ignored", source.Ignored)
	}
	settings := membership.DefaultCacheSettings(log)
	settings.Fresh = f.MembershipCache
	cached, err := membership.NewCached(source, settings)
	if err != nil {
		source.Close()
		return nil, nil, err
	}
	return source, cached, nil
}
