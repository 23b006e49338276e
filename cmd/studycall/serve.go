package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"time"
	_ "time/tzdata" // for machines without time zone data
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

// gcPercent lets the heap grow to five times the live memory between collections, unless GOGC is set. With Go's default of
// 100, a sixth of the CPU time went into collecting a heap of a few megabytes. With 400, relayed messages cost 15 to 20 % less,
// toggles about the same; 800 gains little more. GOMEMLIMIT bounds the memory.
const gcPercent = 400

// setGCPercent is for the service. The other commands are short, or use much memory.
func setGCPercent() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
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
