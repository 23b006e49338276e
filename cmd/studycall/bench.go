package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/studycall/studycall/bench/fanout"
)

// benchCommand is the group of benchmarks in the program. Those of the packages run with go test.
type benchCommand struct {
	Fanout benchFanoutCommand `cmd:"" help:"The server's CPU time for relaying messages, compared with a server that only copies frames."`

	// The measured servers are processes of their own, which run these hidden commands.
	Bare    benchBareCommand    `cmd:"" hidden:""`
	Program benchProgramCommand `cmd:"" hidden:""`
}

// benchProgramCommand is serve for a measurement: it reports its resource usage on standard output until standard input ends.
type benchProgramCommand struct {
	serveCommand `embed:""`
}

// Run serves until standard input ends.
func (c *benchProgramCommand) Run(ctx context.Context, s *streams) error {
	setGCPercent()
	if err := c.check(); err != nil {
		return err
	}
	program, err := newProgram(ctx, c.serveCommand, s.log)
	if err != nil {
		return err
	}
	defer program.Close()
	ctx, stop := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return program.Run(ctx) })
	group.Go(func() error {
		defer stop()
		return fanout.Report(program.Addr(), os.Stdin, s.out)
	})
	return group.Wait()
}

// benchBareCommand is the server to which the program is compared.
type benchBareCommand struct{}

// Run serves until standard input ends.
func (c *benchBareCommand) Run(ctx context.Context, s *streams) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: fanout.Bare(), ReadHeaderTimeout: 10 * time.Second}
	var group errgroup.Group
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		defer func() { _ = server.Close() }()
		return fanout.Report(listener.Addr().String(), os.Stdin, s.out)
	})
	return group.Wait()
}
