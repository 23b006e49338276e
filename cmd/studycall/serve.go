package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"
)

type serveCommand struct {
	databaseFlags   `embed:""`
	zoneFlags       `embed:""`
	signInFlags     `embed:"" group:"Sign-in"`
	edgeFlags       `embed:"" group:"Browsers and limits"`
	membershipFlags `embed:"" group:"Members"`
	Listen          string `env:"STUDYCALL_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Address to listen on (${default}); port 0 takes a free one."`
	CallCapacity    int    `env:"STUDYCALL_CALL_CAPACITY" default:"12" placeholder:"N" help:"How many may be in one call at once (${default})."`

	DisconnectGrace time.Duration `env:"STUDYCALL_DISCONNECT_GRACE" default:"20s" placeholder:"TIME" help:"How long somebody whose connection broke stays in the call, to come back (${default})."`
	EmptyTimeout    time.Duration `env:"STUDYCALL_EMPTY_TIMEOUT" default:"5m" placeholder:"TIME" help:"How long a session waits for somebody to join it, and somebody who joined without a socket stays in the call (${default})."`

	timeouts timeouts // no flags: of interest to tests alone; zero for the usual ones
}

// gcPercent lets the heap grow to five times what is in use before it is collected, unless GOGC says something else. With
// Go's 100, a sixth of the CPU time went to collecting a heap of some megabytes again and again: relayed messages cost 15 to
// 20 % less so, toggles about as much. 800 gives little more. GOMEMLIMIT bounds what it costs in memory.
const gcPercent = 400

// collectSeldom is for the program as a service; other commands are short, or hold much.
func collectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// Run serves until ctx ends, then drains.
func (c *serveCommand) Run(ctx context.Context, s *streams) (err error) {
	collectSeldom()
	if err := c.check(); err != nil {
		return err
	}
	program, err := newProgram(ctx, *c, s.log)
	if err != nil && ctx.Err() != nil {
		return nil // told to stop while starting
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

// check refuses settings that cannot be meant, and combinations that would let strangers in.
func (c *serveCommand) check() error {
	if c.CallCapacity < 1 {
		return usageError{fmt.Sprintf("--call-capacity must be at least 1, not %d", c.CallCapacity)}
	}
	if c.DisconnectGrace < time.Second || c.DisconnectGrace > time.Hour {
		return usageError{fmt.Sprintf("--disconnect-grace must be 1s to 1h, not %v", c.DisconnectGrace)}
	}
	if c.EmptyTimeout < time.Second || c.EmptyTimeout > 24*time.Hour {
		return usageError{fmt.Sprintf("--empty-timeout must be 1s to 24h, not %v", c.EmptyTimeout)}
	}
	if err := c.edgeFlags.check(); err != nil {
		return err
	}
	if err := c.membershipFlags.check(); err != nil {
		return err
	}
	_, err := c.authenticator(c.Listen)
	return err
}
