package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/studycall/studycall/feed"
	"github.com/studycall/studycall/httpapi"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/projections"
	"github.com/studycall/studycall/realtime"
)

const (
	// headerLimit lets the edge answer 401 to a token of a megabyte. Beyond the limit, net/http itself answers 431, not in the
	// service's error shape.
	headerLimit = 1<<20 + 64<<10
	// drainTimeout bounds, after SIGTERM, first the end of the sockets and their records, and then the requests in progress. It
	// is longer than the edge gives any request.
	drainTimeout = 20 * time.Second
)

// program is the service: all parts wired together.
type program struct {
	log      *slog.Logger
	listener net.Listener
	edge     *httpapi.Server
	server   *http.Server
	served   chan error // the result of server.Serve
	signIn   signInFlags

	db      *database
	members *membership.Source
	runner  *projections.Runner
	live    *realtime.Server
	feeds   *feed.Feeds
	release []func() // releases the above, in order of acquisition
}

// newProgram listens, and answers "starting" while it opens the database, migrates it and wires the service. Call Run, then
// Close.
func newProgram(ctx context.Context, c serveCommand, log *slog.Logger) (*program, error) {
	p := &program{log: log, signIn: c.signInFlags, served: make(chan error, 1)}
	callers, err := c.authenticator(c.Listen)
	if err != nil {
		return nil, err
	}
	// First, so that a port in use does not start a database.
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (choose another --listen): %w", c.Listen, err)
	}
	p.listener = listener
	p.edge = httpapi.New(httpapi.Config{
		Authenticator:   callers,
		Security:        c.security(callers),
		Now:             time.Now,
		Zone:            c.StatsTimezone.Location,
		RecheckInterval: recheck,
		Log:             log,
	})
	p.serve(c.tune)
	if err := p.wire(ctx, c, callers); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// serve starts the HTTP server. The edge answers that the service is starting until wire opens it. No timeout bounds a
// WebSocket, which takes the connection over.
func (p *program) serve(tune func(*http.Server)) {
	p.server = &http.Server{
		Handler:           p.edge,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      time.Minute, // everything after the headers: waits for projections, and a slow client
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    headerLimit,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	if tune != nil {
		tune(p.server)
	}
	go func() { p.served <- p.server.Serve(p.listener) }()
}

// Addr returns the address that the program listens on.
func (p *program) Addr() string { return p.listener.Addr().String() }

// Run serves until ctx ends or a part fails, then drains. It returns nil after a drain because of ctx.
func (p *program) Run(ctx context.Context) error {
	p.log.Info("database", "at", p.db.describe())
	p.log.Info("members", "in", p.members.Description)
	p.signIn.log(p.log)
	p.log.Info("studycall is ready", "address", "http://"+p.Addr())

	// Projections and sockets have contexts of their own, because they outlive ctx: see drain.
	background := context.WithoutCancel(ctx)
	folding, stopFolding := context.WithCancel(background)
	defer stopFolding()
	living, stopLive := context.WithCancel(background)
	defer stopLive()
	group, failing := errgroup.WithContext(ctx)
	group.Go(func() error { return p.runner.Run(folding) })
	group.Go(func() error { p.live.Run(living); return nil })
	group.Go(func() error { p.feeds.Run(living); return nil })
	group.Go(func() error { p.edge.RecheckFeeds(living); return nil })
	group.Go(func() error {
		if err := <-p.served; !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-failing.Done()
		defer stopFolding() // after the requests in progress, which may wait for projections
		return p.drain(background, stopLive)
	})
	return group.Wait()
}

// drain refuses new connections, closes the sockets and records what they have left to record, stops the sockets' background
// work with stopLive, and answers the requests in progress.
func (p *program) drain(ctx context.Context, stopLive func()) error {
	defer stopLive()
	p.log.Info("draining")
	p.edge.Drain()
	sockets, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	var feeds sync.WaitGroup
	feeds.Go(func() { p.closeFeeds(sockets) })
	if err := p.live.Drain(sockets); err != nil {
		p.log.Warn("toggles that were not written are lost; other servers record the leaves from the leases", "error", err)
	}
	feeds.Wait()
	stopLive()
	requests, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if err := p.server.Shutdown(requests); err != nil {
		p.log.Warn("closed connections with requests in progress", "error", err)
		return p.server.Close()
	}
	return nil
}

// closeFeeds closes the feeds of events. Their subscribers reconnect to another server.
func (p *program) closeFeeds(ctx context.Context) {
	if err := p.feeds.Close(ctx); err != nil {
		p.log.Debug("cut the feeds of subscribers that did not take the close frame", "error", err)
	}
}

// Close closes the HTTP server and then releases the other parts in reverse order. It may follow a failed newProgram.
func (p *program) Close() {
	_ = p.server.Close() // no-op after a drain
	for _, release := range slices.Backward(p.release) {
		release()
	}
}

// deregister deletes this server's row in servers.
func (p *program) deregister() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := p.live.Close(ctx); err != nil {
		p.log.Debug("could not delete this server's row in servers: another server will, once it has been silent for long", "error", err)
	}
}
