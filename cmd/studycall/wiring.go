package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/feed"
	"github.com/studycall/studycall/httpapi"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/projections"
	"github.com/studycall/studycall/realtime"
)

const (
	// beat is the interval of a server's heartbeat. When a server is killed, its participants count as connected until the last
	// beat. Attendance must be right to the second.
	beat = time.Second / 2
	// recheck is how often a server checks whether connected users may still be in their calls.
	recheck = time.Second
)

// core has the parts that REST and the sockets share.
type core struct {
	commands *commands.Handlers
	members  *membership.Cached
	access   *membership.Access
	sessions *projections.SessionQueries
	presence *presence.Registry
	recheck  *membership.Access // with a shorter cache age than access
	callers  auth.Authenticator
}

// wire opens the storage, makes the parts of the service, and opens the edge.
func (p *program) wire(ctx context.Context, c serveCommand, callers auth.Authenticator) error {
	members, err := p.openStorage(ctx, c, callers)
	if err != nil {
		return err
	}
	all := projections.All(c.StatsTimezone.Location)
	rebuilder := projections.NewRebuilder(p.db.Pool, p.db.store, p.log, func(done, total int64) {
		p.log.Info("rebuilding", "events", done, "of", total)
	})
	if err := rebuilder.Prepare(ctx, all...); err != nil {
		return err
	}
	p.runner = projections.NewRunner(p.db.store, p.log, all...)
	shared := core{
		members: members, callers: callers,
		access: membership.NewAccess(members), recheck: membership.NewAccess(members.WithShorterAge(recheck)),
	}
	settings := commands.DefaultSettings()
	settings.Capacity = c.CallCapacity
	if shared.commands, err = commands.New(p.db.store, shared.access, settings, rand.Text); err != nil {
		return err
	}
	shared.sessions = projections.NewSessionQueries(p.db.Pool, p.db.store)
	shared.presence = presence.New(p.db.Pool, shared.commands, shared.sessions, presence.Settings{
		ServerID: rand.Text(), Grace: c.DisconnectGrace, EmptyTimeout: c.EmptyTimeout, Beat: beat, Now: time.Now,
	}, p.log)
	p.live = p.newLive(c, shared)
	p.release = append(p.release, p.deregister)
	p.feeds = feed.New(feed.Config{Log: p.db.store, Observe: p.live.Observe, Logger: p.log})
	p.release = append(p.release, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		p.closeFeeds(ctx)
	})
	p.edge.Open(p.services(c, shared, all))
	return nil
}

// openStorage opens the database, migrates it, and opens the members and the event store in it.
func (p *program) openStorage(ctx context.Context, c serveCommand, callers auth.Authenticator) (members *membership.Cached, err error) {
	if p.db, err = c.open(ctx, p.log, toServe); err != nil {
		return nil, err
	}
	p.release = append(p.release, p.db.close)
	if err := p.db.migrate(ctx); err != nil {
		return nil, err
	}
	if p.members, members, err = c.directory(ctx, p.db.Pool, p.log); err != nil {
		return nil, err
	}
	p.release = append(p.release, p.members.Close)
	if err := p.seedExample(ctx, callers); err != nil {
		return nil, err
	}
	p.db.store, err = eventstore.Open(ctx, p.db.Pool, p.log)
	return members, err
}

// seedExample creates the example study if sign-in is for development and no study exists.
func (p *program) seedExample(ctx context.Context, callers auth.Authenticator) error {
	if _, dev := callers.(auth.Dev); !dev || !p.members.Ours {
		return nil
	}
	seeded, err := membership.SeedExample(ctx, p.db.Pool)
	if seeded {
		p.log.Info("no study exists yet: created the example study", "study", "study-123", "owner", "user-456")
	}
	return err
}

// newLive makes the server of the sockets.
func (p *program) newLive(c serveCommand, shared core) *realtime.Server {
	return realtime.New(realtime.Config{
		Commands:        shared.commands,
		Access:          shared.access,
		Recheck:         shared.recheck,
		Users:           shared.members,
		Calls:           shared.sessions,
		Authenticator:   shared.callers,
		Origins:         c.AllowedOrigins.Origins,
		Presence:        shared.presence,
		Now:             time.Now,
		NewID:           rand.Text,
		RecheckInterval: recheck,
		Rates:           realtime.DefaultRates(),
		Log:             p.log,
	})
}

// services returns what the routes of the edge call.
func (p *program) services(c serveCommand, shared core, all []projections.Projection) httpapi.Services {
	return httpapi.Services{
		Commands:   shared.commands,
		Sessions:   shared.sessions,
		History:    projections.NewHistoryQueries(p.db.Pool, p.db.store),
		UserStats:  projections.NewUserStatsQueries(p.db.Pool, p.db.store),
		StudyStats: projections.NewStudyStatsQueries(p.db.Pool, p.db.store, c.StatsTimezone.Location),
		Presence:   shared.presence,
		Access:     shared.access,
		Recheck:    shared.recheck,
		Users:      shared.members,
		Readiness:  projections.NewReadiness(p.db.Pool, all...),
		Sockets:    p.live,
		Feeds:      p.feeds,
		Metrics:    p.metrics(all),
	}
}

// metrics returns the handler for Prometheus. If the database is unavailable, it still returns the other metrics. It limits
// concurrent scrapes, because anyone may scrape and each scrape queries the database.
func (p *program) metrics(all []projections.Projection) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		projections.NewMetrics(p.db.Pool, all...))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4})
}
