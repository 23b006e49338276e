package realtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/closecode"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/realtime/recording"
	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

// Calls queries sessions. See projections.SessionQueries.
type Calls interface {
	// Open returns a study's open session, which is as fresh as the log, and the position of its latest event. The ID is empty if
	// there is none.
	Open(ctx context.Context, studyID string) (domain.Session, int64, error)
}

// Config holds the parts of the server. All of them must be safe for concurrent use.
type Config struct {
	Commands *commands.Handlers
	Access   *membership.Access
	// Recheck is called once per RecheckInterval. Its cache age must be shorter by that interval than that of Access.
	Recheck *membership.Access
	Users   membership.Directory
	// Calls returns the state of participants on other servers.
	Calls         Calls
	Authenticator auth.Authenticator
	// Origins are the origins of the web pages that may connect with their user's cookies; nil lists none.
	Origins *auth.Origins
	// Presence holds the leases of this server's sockets. The server runs it.
	Presence *presence.Registry
	// Now is the business time. NewID returns an id that is unique among all servers.
	Now   func() time.Time
	NewID func() string
	// RecheckInterval is how often the memberships, accounts and leases of connected users are checked.
	RecheckInterval time.Duration
	Rates           Rates
	// PingInterval, PingTimeout and ConnectTimeout apply to both transports. Zero values are the web app's: 25 s, 60 s and 45 s.
	PingInterval, PingTimeout, ConnectTimeout time.Duration
	Log                                       *slog.Logger
}

// Server holds the sockets and rooms of this server. Its methods are safe for concurrent use.
type Server struct {
	Config

	handlers  map[string]handler // by event
	clients   set[*client]
	rooms     *rooms
	lobbies   *lobbies
	queue     *recording.Queue
	announcer *announcer
	socketIO  *socketio.Server
	plain     *websocket.Server
	draining  atomic.Bool

	// ctx is the parent of the connections' contexts. Close ends it.
	//nolint:containedctx // the lifetime of the server
	ctx    context.Context
	cancel context.CancelFunc

	// unmatchedLeases are those without a member that the latest reconcileLeases found, with the time. Only reconcileLeases uses it.
	unmatchedLeases map[presence.Lease]time.Time
}

// New makes the server. Call Run, then Drain and Close.
func New(config Config) *Server {
	s := &Server{
		Config: config, rooms: newRooms(), lobbies: newLobbies(),
		queue: recording.New(recording.Config{Retryable: retryable, Final: final, Log: config.Log}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.handlers, s.announcer = s.newHandlers(), &announcer{s, make(chan eventstore.Recorded, announcerLimit)}
	s.socketIO = socketio.NewServer(socketio.Config{
		PingInterval: config.PingInterval, PingTimeout: config.PingTimeout, ConnectTimeout: config.ConnectTimeout,
		KeepHeaders: []string{auth.DevHeader}, Codes: closecode.Codes(), Admit: s.admit,
	}, map[string]socketio.Namespace{socketio.MainNamespace: namespace{s}})
	interval, timeout := config.PingInterval, config.PingTimeout
	if interval == 0 {
		interval, timeout = 25*time.Second, time.Minute
	}
	s.plain = websocket.New(websocket.Config{PingPeriod: interval, PongWait: interval + timeout, Codes: closecode.Codes()})
	return s
}

// ServeSocketIO answers the requests of Engine.IO: handshakes, polls and upgrades.
func (s *Server) ServeSocketIO(w http.ResponseWriter, r *http.Request) { s.socketIO.ServeHTTP(w, r) }

// Observe takes every new event of the log, in order, from one goroutine. It does not block.
func (s *Server) Observe(event eventstore.Recorded) { s.announcer.observe(event) }

const (
	// closeTimeout bounds the closing of the sockets in Drain. A client that reads nothing takes all of it.
	closeTimeout = 10 * time.Second
	// loseTimeout bounds marking all leases as lost.
	loseTimeout = 3 * time.Second
)

// admit refuses new connections while the server drains.
func (s *Server) admit(*http.Request) error {
	if s.draining.Load() {
		return fmt.Errorf("the server is draining: %w", &domain.Error{Code: domain.ServiceUnavailable})
	}
	return nil
}

// Run keeps the leases, repeats the checks of connected users and handles the log's new events, until ctx ends.
func (s *Server) Run(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() { s.Presence.Run(ctx) })
	loops.Go(func() { s.every(ctx, s.recheckUsers) })
	loops.Go(func() { s.every(ctx, s.reconcileLeases) })
	loops.Go(func() { s.every(ctx, s.refreshRemotePeers) })
	loops.Go(func() { s.announcer.run(ctx) })
	loops.Wait()
}

// Drain refuses new connections, closes all sockets with the code to reconnect, and writes the queued records. A drain ends
// no stint: a user who reconnects within the grace time stays in the call. Run should go on until Drain returns. The error is that of ctx if ctx
// ends first, or the database's.
func (s *Server) Drain(ctx context.Context) error {
	s.draining.Store(true)
	// At once, so that a user who has reconnected to another server and leaves there leaves the call; and again at the end, for the
	// joins that were in flight.
	lost := s.loseAll(ctx, s.Now())
	closing, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	err := errors.Join(lost, s.closeAll(closing), s.queue.Flush(ctx))
	return errors.Join(err, s.loseAll(ctx, s.Now()))
}

// loseAll marks this server's leases as lost, even after ctx has ended.
func (s *Server) loseAll(ctx context.Context, at time.Time) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loseTimeout)
	defer cancel()
	return s.Presence.LoseAll(ctx, at)
}

// closeAll closes all sockets with the code to reconnect, both transports at the same time, and waits until they have ended.
func (s *Server) closeAll(ctx context.Context) error {
	var group sync.WaitGroup
	var socketIO, plain error
	group.Go(func() { socketIO = s.socketIO.Close(ctx, websocket.Restart) })
	group.Go(func() { plain = s.plain.Close(ctx, websocket.Restart) })
	group.Wait()
	return errors.Join(socketIO, plain)
}

// Close ends the server, after Drain and Run. Toggles that are not written are lost; other servers record the leaves.
func (s *Server) Close(ctx context.Context) error {
	s.draining.Store(true)
	err := s.closeAll(ctx)
	s.cancel()
	s.queue.Close()
	return errors.Join(err, s.Presence.Deregister(ctx))
}
