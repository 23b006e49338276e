package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/membership"
)

// longestMembershipCache bounds how long somebody who was kicked may stay. It is also how long members go on when the
// database that says so is away, so nothing longer could be meant.
const longestMembershipCache = time.Minute

// membershipFlags say where it is looked up who belongs to a study.
type membershipFlags struct {
	MembershipURL   string        `name:"membership-url" env:"STUDYCALL_MEMBERSHIP_URL" placeholder:"URL" help:"The web app's database, read-only, as its DATABASE_URL has it. Empty: the web app's tables in our own database if they are there, else our own tables."`
	MembershipCache time.Duration `name:"membership-cache" env:"STUDYCALL_MEMBERSHIP_CACHE" default:"5s" placeholder:"TIME" help:"How long users and members are remembered, and so how long somebody who was kicked may stay (${default}); up to 1m."`
}

func (f membershipFlags) check() error {
	if f.MembershipCache < 0 || f.MembershipCache > longestMembershipCache {
		return usageError{fmt.Sprintf("--membership-cache must be 0s to 1m, not %v", f.MembershipCache)}
	}
	if f.MembershipURL != "" {
		if err := membership.CheckURL(f.MembershipURL); err != nil {
			return usageError{"--membership-url: " + err.Error()}
		}
	}
	return nil
}

// directory opens where members are looked up, and the cache before it. The caller closes the source.
func (f membershipFlags) directory(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) (*membership.Source, *membership.Cached, error) {
	source, err := membership.Open(ctx, pool, f.MembershipURL)
	if err != nil {
		return nil, nil, err
	}
	for _, doubt := range source.Doubts {
		log.Warn(doubt)
	}
	if len(source.Ignored) > 0 {
		log.Debug("parameters of --membership-url that mean nothing here", "ignored", source.Ignored)
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
