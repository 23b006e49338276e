package main

import (
	"context"
	"fmt"
)

type serveCommand struct {
	databaseFlags   `embed:""`
	zoneFlags       `embed:""`
	signInFlags     `embed:"" group:"Sign-in"`
	edgeFlags       `embed:"" group:"Browsers and limits"`
	membershipFlags `embed:"" group:"Members"`
	Listen          string `env:"STUDYCALL_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Address to listen on (${default}); port 0 takes a free one."`
	CallCapacity    int    `env:"STUDYCALL_CALL_CAPACITY" default:"12" placeholder:"N" help:"How many may be in one call at once (${default})."`

	timeouts timeouts // no flags: of interest to tests alone; zero for the usual ones
}

// Run serves until ctx ends, then drains.
func (c *serveCommand) Run(ctx context.Context, s *streams) error {
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
	defer program.Close()
	return program.Run(ctx)
}

// check refuses settings that cannot be meant, and combinations that would let strangers in.
func (c *serveCommand) check() error {
	if c.CallCapacity < 1 {
		return usageError{fmt.Sprintf("--call-capacity must be at least 1, not %d", c.CallCapacity)}
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
