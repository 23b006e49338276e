package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"time"
	_ "time/tzdata" // for machines without time zone data

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/membership"
)

type serveCommand struct {
	databaseFlags   `embed:""`
	zoneFlags       `embed:""`
	signInFlags     `embed:"" group:"Sign-in"`
	edgeFlags       `embed:"" group:"Browsers and limits"`
	membershipFlags `embed:"" group:"Members"`
	Listen          string `env:"STUDYCALL_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Address to listen on (${default}); port 0: any free port."`
	CallCapacity    int    `env:"STUDYCALL_CALL_CAPACITY" default:"12" placeholder:"N" help:"Largest number of participants in one call (${default})."`

	DisconnectGrace time.Duration `env:"STUDYCALL_DISCONNECT_GRACE" default:"20s" placeholder:"TIME" help:"How long a participant whose connection broke stays in the call (${default})."`
	EmptyTimeout    time.Duration `env:"STUDYCALL_EMPTY_TIMEOUT" default:"5m" placeholder:"TIME" help:"How long a session without participants stays open, and a participant without a socket stays in the call (${default})."`

	tune func(*http.Server) // set by tests only
}

// setGCPercent lets the heap grow to five times the live memory between collections, unless GOGC is set. With Go's default of
// 100, a sixth of the CPU time went into collecting a heap of a few megabytes. With 400, relayed messages cost 15 to 20 % less,
// toggles about the same; 800 gains little more. GOMEMLIMIT bounds the memory. The other commands are short, or use much memory.
func setGCPercent() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// Run serves until ctx ends, then drains.
func (c *serveCommand) Run(ctx context.Context, s *streams) (err error) {
	setGCPercent()
	if err := c.check(); err != nil {
		return err
	}
	program, err := newProgram(ctx, *c, s.log)
	if err != nil && ctx.Err() != nil {
		return nil // stopped during the start
	}
	if err != nil {
		return err
	}
	defer func() {
		program.Close()
		if err == nil {
			s.log.Info("stopped")
		}
	}()
	return program.Run(ctx)
}

// check refuses invalid settings, and combinations that would give access without sign-in.
func (c *serveCommand) check() error {
	if c.CallCapacity < 1 {
		return usageErrorf("--call-capacity must be at least 1, not %d", c.CallCapacity)
	}
	if c.DisconnectGrace < time.Second || c.DisconnectGrace > time.Hour {
		return usageErrorf("--disconnect-grace must be 1s to 1h, not %v", c.DisconnectGrace)
	}
	if c.EmptyTimeout < time.Second || c.EmptyTimeout > 24*time.Hour {
		return usageErrorf("--empty-timeout must be 1s to 24h, not %v", c.EmptyTimeout)
	}
	if err := cmp.Or(c.edgeFlags.check(), c.membershipFlags.check()); err != nil {
		return err
	}
	_, err := c.authenticator(c.Listen)
	return err
}

type migrateCommand struct {
	databaseFlags `embed:""`
}

// Run applies the migrations.
func (c *migrateCommand) Run(ctx context.Context, s *streams) error {
	db, err := c.open(ctx, s.log, mayCreate)
	if err != nil {
		return err
	}
	defer db.close()
	if err := db.migrate(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, "The database is up to date:", db.describe())
	return err
}

// timeZone is a flag with the name of a time zone.
type timeZone struct{ *time.Location }

// UnmarshalText implements encoding.TextUnmarshaler.
func (z *timeZone) UnmarshalText(text []byte) error {
	location, err := time.LoadLocation(string(text))
	if err != nil || len(text) == 0 || string(text) == "Local" {
		return fmt.Errorf("%q is not a time zone like Asia/Seoul", text)
	}
	z.Location = location
	return nil
}

// zoneFlags set the time zone of statistics.
type zoneFlags struct {
	StatsTimezone timeZone `env:"STUDYCALL_STATS_TIMEZONE" default:"Asia/Seoul" placeholder:"ZONE" help:"Time zone of the days in statistics (${default}). After a change, the next start rebuilds the tables."`
}

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
	for _, warning := range source.Warnings {
		log.Warn(warning)
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
