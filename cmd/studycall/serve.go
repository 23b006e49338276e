package main

import (
	"context"
	"fmt"
	"net"
	"os"
)

type serveCommand struct {
	databaseFlags `embed:""`
	zoneFlags     `embed:""`
	Listen        string `env:"STUDYCALL_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Address to listen on (${default}); port 0 takes a free one."`
	Auth          string `env:"STUDYCALL_AUTH" enum:"dev" default:"dev" help:"How callers say who they are. dev: the header X-User-Id, believed; only on loopback."`
	CallCapacity  int    `env:"STUDYCALL_CALL_CAPACITY" default:"12" placeholder:"N" help:"How many may be in one call at once (${default})."`
}

// Run serves until ctx ends, then drains.
func (c *serveCommand) Run(ctx context.Context, s *streams) error {
	if err := c.check(); err != nil {
		return err
	}
	program, err := newProgram(ctx, *c, s.log)
	if err != nil {
		return err
	}
	defer program.Close()
	return program.Run(ctx)
}

// check refuses combinations that would let strangers in.
func (c *serveCommand) check() error {
	if c.CallCapacity < 1 {
		return usageError{fmt.Sprintf("--call-capacity must be at least 1, not %d", c.CallCapacity)}
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return usageError{fmt.Sprintf("--listen %q is not an address like 127.0.0.1:8080", c.Listen)}
	}
	if os.Getenv("NEXTAUTH_SECRET") != "" {
		return usageError{"--auth=dev believes whoever a caller claims to be, and NEXTAUTH_SECRET says that this is not development; unset it"}
	}
	if !isLoopback(host) {
		return usageError{fmt.Sprintf("--auth=dev believes whoever a caller claims to be: it listens on loopback only, such as 127.0.0.1:8080, not on %q", c.Listen)}
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
