package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/httpapi"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/projections"
	"github.com/studycall/studycall/realtime"
)

const (
	// headerLimit lets a token of a megabyte get as far as its 401: beyond, net/http itself answers 431, without our shape.
	headerLimit = 1<<20 + 64<<10
	// drainTimeout is how long sockets and their records may take after SIGTERM, and then requests that are under way: longer
	// than the edge gives any.
	drainTimeout = 20 * time.Second
	// goTimeout is how long the last word of this server to the database may take.
	goTimeout = 3 * time.Second
	// beat is how often a server says that it lives: of a killed one's participants it is known to that time, and what saying
	// it takes, when they were last there. They must be right to the second.
	beat = time.Second / 2
	// look is how often a server looks whether those who are connected may still be.
	look = time.Second
)

// timeouts let go of connections on which too little goes on.
type timeouts struct {
	headers, idle time.Duration
	// body bounds reading a request, and answer all that follows its headers: what a query may wait for its tables, and a
	// client that is slow to take the answer. Neither bounds a WebSocket, which takes the connection over.
	body, answer time.Duration
}

func usualTimeouts() timeouts {
	return timeouts{headers: 10 * time.Second, idle: 2 * time.Minute, body: 30 * time.Second, answer: time.Minute}
}

// program is the service: everything wired together.
type program struct {
	log      *slog.Logger
	db       *database
	store    *eventstore.Store
	runner   *projections.Runner
	listener net.Listener
	server   *http.Server
	served   chan error // how serving ended
	handler  atomic.Pointer[http.Handler]
	signIn   signInFlags
	members  *membership.Source
	live     *realtime.Server
}

// newProgram listens, and answers that it is starting while it opens the database, migrates it and wires the service. Run
// it, then Close it.
func newProgram(ctx context.Context, c serveCommand, log *slog.Logger) (*program, error) {
	p := &program{log: log, signIn: c.signInFlags, served: make(chan error, 1)}
	callers, err := c.authenticator(c.Listen)
	if err != nil {
		return nil, err
	}
	// Before all else, so that a port that is taken does not start a database.
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (choose another --listen): %w", c.Listen, err)
	}
	p.listener = listener
	security := c.security(callers)
	p.serve(httpapi.Starting(log), security, cmp.Or(c.timeouts, usualTimeouts()))
	if err := p.wire(ctx, c, callers, security); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// serve begins to answer behind the edge, with the given handler until there is another.
func (p *program) serve(first http.Handler, security httpapi.Security, limits timeouts) {
	p.handler.Store(&first)
	p.server = &http.Server{
		Handler: httpapi.NewEdge(security, time.Now).Before(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			(*p.handler.Load()).ServeHTTP(w, r)
		})),
		ReadHeaderTimeout: limits.headers,
		ReadTimeout:       limits.body,
		WriteTimeout:      limits.answer,
		IdleTimeout:       limits.idle,
		MaxHeaderBytes:    headerLimit,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	go func() { p.served <- p.server.Serve(p.listener) }()
}

func (p *program) wire(ctx context.Context, c serveCommand, callers httpapi.Authenticator, security httpapi.Security) (err error) {
	if p.db, err = c.open(ctx, p.log, toServe); err != nil {
		return err
	}
	if err := p.db.migrate(ctx); err != nil {
		return err
	}
	var members *membership.Cached
	if p.members, members, err = c.directory(ctx, p.db.Pool, p.log); err != nil {
		return err
	}
	if err := p.seedExample(ctx, c); err != nil {
		return err
	}
	if p.store, err = eventstore.Open(ctx, p.db.Pool, p.log); err != nil {
		return err
	}
	access := membership.NewAccess(members)
	settings := commands.DefaultSettings()
	settings.Capacity = c.CallCapacity
	handlers, err := commands.New(p.store, access, settings, rand.Text)
	if err != nil {
		return err
	}
	all := projections.All(c.StatsTimezone.Location)
	rebuilder := projections.NewRebuilder(p.db.Pool, p.store, p.log, func(done, total int64) {
		p.log.Info("rebuilding", "events", done, "of", total)
	})
	if err := rebuilder.Prepare(ctx, all...); err != nil {
		return err
	}
	p.runner = projections.NewRunner(p.store, p.log, all...)
	sessions := projections.NewSessionQueries(p.db.Pool, p.store)
	present := presence.New(p.db.Pool, handlers, sessions, c.presence(), p.log)
	p.live = realtime.New(realtime.Config{
		Commands:      handlers,
		Access:        access,
		Recheck:       membership.NewAccess(members.Younger(look)),
		Users:         members,
		Calls:         sessions,
		Authenticator: callers,
		Origins:       c.AllowedOrigins.Origins,
		Presence:      present,
		Events:        p.store,
		Elsewhere:     realtime.Unconnected{},
		Now:           time.Now,
		NewID:         rand.Text,
		Look:          look,
		Rates:         realtime.DefaultRates(),
		Log:           p.log,
	})
	rest := httpapi.New(httpapi.Config{
		Commands:      handlers,
		Sessions:      sessions,
		History:       projections.NewHistoryQueries(p.db.Pool, p.store),
		UserStats:     projections.NewUserStatsQueries(p.db.Pool, p.store),
		StudyStats:    projections.NewStudyStatsQueries(p.db.Pool, p.store, c.StatsTimezone.Location),
		Presence:      present,
		Access:        access,
		Users:         members,
		Authenticator: callers,
		Readiness:     projections.NewReadiness(p.db.Pool, all...),
		Metrics:       metrics(p.db.Pool, all),
		Now:           time.Now,
		Zone:          c.StatsTimezone.Location,
		Log:           p.log,
		Security:      security,
	})
	handler := p.live.Routes(rest)
	p.handler.Store(&handler)
	return nil
}

// seedExample makes the example study where people sign in as they like, and no study is there.
func (p *program) seedExample(ctx context.Context, c serveCommand) error {
	if how, err := c.method(c.Listen); err != nil || how != byDev || !p.members.Ours {
		return err
	}
	seeded, err := membership.SeedExample(ctx, p.db.Pool)
	if seeded {
		p.log.Info("no study exists yet: made the example study", "study", "study-123", "owner", "user-456")
	}
	return err
}

// presence is what the flags say of when somebody is out of a call.
func (c serveCommand) presence() presence.Settings {
	return presence.Settings{
		ServerID: rand.Text(), Grace: c.DisconnectGrace, EmptyTimeout: c.EmptyTimeout, Beat: beat, Now: time.Now,
	}
}

// metrics are what Prometheus is told.
func metrics(pool *pgxpool.Pool, all []projections.Projection) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		projections.NewMetrics(pool, all...))
	// While the database is away, the others are still told. Anybody may ask, and each scrape asks the database.
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4})
}

// Addr is the address that the program listens on.
func (p *program) Addr() string { return p.listener.Addr().String() }

// Run serves until ctx ends, then drains: no new connections, requests under way are answered, projections finish the
// slice that they are at. It returns nil after a drain.
func (p *program) Run(ctx context.Context) error {
	p.log.Info("database", "at", p.db.describe())
	p.log.Info("members", "in", p.members.Description)
	p.signIn.say(p.log)
	p.log.Info("studycall is ready", "address", "http://"+p.Addr())

	// Projections outlive the requests, which may wait for them.
	folding, stopFolding := context.WithCancel(context.WithoutCancel(ctx))
	defer stopFolding()
	living, stopLiving := context.WithCancel(context.WithoutCancel(ctx))
	group, failing := errgroup.WithContext(ctx)
	group.Go(func() error { return p.runner.Run(folding) })
	group.Go(func() error { p.live.Run(living); return nil })
	group.Go(func() error {
		if err := <-p.served; !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-failing.Done() // a signal, or a failure of the others
		defer stopFolding()
		defer stopLiving()
		p.log.Info("draining")
		handler := httpapi.Draining(*p.handler.Load(), p.log)
		p.handler.Store(&handler)
		draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if err := p.live.Drain(draining); err != nil {
			p.log.Warn("some of what was going on in calls is left for other servers to find", "error", err)
		}
		stopLiving()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if err := p.server.Shutdown(ending); err != nil {
			p.log.Warn("some requests were cut off", "error", err)
			return p.server.Close()
		}
		return nil
	})
	return group.Wait()
}

// Close lets go of what newProgram opened.
func (p *program) Close() {
	_ = p.server.Close() // closed already where it drained
	if p.live != nil {
		ctx, cancel := context.WithTimeout(context.Background(), goTimeout)
		if err := p.live.Close(ctx); err != nil {
			p.log.Debug("this server's name stays until another one finds it silent", "error", err)
		}
		cancel()
	}
	if p.store != nil {
		p.store.Close()
	}
	if p.members != nil {
		p.members.Close()
	}
	if p.db != nil {
		p.db.close()
	}
}
