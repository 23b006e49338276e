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
	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

// Commands are the commands that messages carry out. See commands.Handlers.
type Commands interface {
	SetAudio(ctx context.Context, cmd commands.SetAudio) (int64, error)
	SetVideo(ctx context.Context, cmd commands.SetVideo) (int64, error)
	SetScreenShare(ctx context.Context, cmd commands.SetScreenShare) (int64, error)
}

// Access says who may. See membership.Access.
type Access interface {
	// ActiveMember's error is domain.ErrNotStudyMember for whoever is not one.
	ActiveMember(ctx context.Context, studyID, userID string) error
	// Account's error is domain.ErrUserNotFound when there is no such user.
	Account(ctx context.Context, userID string) (membership.User, error)
}

// Recheck says of those who are connected whether they still may be. See membership.Access.
type Recheck interface {
	// ActiveMembers tells of each place whether its user is an active member of the study.
	ActiveMembers(ctx context.Context, places []membership.Place) (map[membership.Place]bool, error)
	// ActiveAccounts tells of each user whether there is an account that may be used.
	ActiveAccounts(ctx context.Context, userIDs []string) (map[string]bool, error)
}

// Calls are the queries of sessions. See projections.SessionQueries.
type Calls interface {
	// Open gives a study's open session, as fresh as the log, and the position of the latest event in it; its ID is empty when
	// there is none.
	Open(ctx context.Context, studyID string) (domain.Session, int64, error)
}

// Users are looked up for their names and accounts; unknown ids are missing from the answer. See membership.Directory.
type Users interface {
	Users(ctx context.Context, ids []string) (map[string]membership.User, error)
}

// Config is what the server is made of. Everything must be safe for concurrent use.
type Config struct {
	Commands Commands
	Access   Access
	// Recheck is asked once in Look. What it knows from before has to be younger by that than what Access may know.
	Recheck Recheck
	Users   Users
	// Calls tell in what state people on other servers are.
	Calls         Calls
	Authenticator auth.Authenticator
	// Origins are the web pages that may connect with their user's cookies; nil lists none.
	Origins *auth.Origins
	// Presence holds the leases of this server's sockets. The server runs it.
	Presence *presence.Registry
	// Elsewhere reaches sockets on other servers.
	Elsewhere Elsewhere
	// Now is the business time of what happens; NewID makes ids that nobody else makes.
	Now   func() time.Time
	NewID func() string
	// Look is how often memberships, accounts and leases of those who are connected are looked at again.
	Look time.Duration
	// Rates are what one socket may send.
	Rates Rates
	// PingInterval, PingTimeout and ConnectTimeout are those of both transports; zero values take the web app's server's:
	// 25 s, 60 s and 45 s.
	PingInterval, PingTimeout, ConnectTimeout time.Duration
	Log                                       *slog.Logger
}

// Server is the live side of the service. Its methods may be called concurrently.
type Server struct {
	Config

	handlers map[string]handler
	clients  *clients
	rooms    *rooms
	studies  *studies
	recorder *recorder
	socketIO *socketio.Server
	plain    *websocket.Server
	announce *announcer
	draining atomic.Bool

	// stray are the leases without a member that the latest look found, and when; lookAtLeases alone has it.
	stray map[presence.Lease]time.Time
}

// New makes the server. Run it, and when it is over, Drain and Close it.
func New(config Config) *Server {
	s := &Server{
		Config: config, handlers: handlers(), clients: newClients(), rooms: newRooms(config.Elsewhere),
		studies: newStudies(), recorder: newRecorder(config.Log),
	}
	s.socketIO = socketio.NewServer(socketio.Config{
		PingInterval: config.PingInterval, PingTimeout: config.PingTimeout, ConnectTimeout: config.ConnectTimeout,
		KeepHeaders: []string{auth.DevHeader}, Codes: closecode.Codes(), Admit: s.admit,
	}, map[string]socketio.Namespace{socketio.MainNamespace: namespace{s}})
	interval, timeout := config.PingInterval, config.PingTimeout
	if interval == 0 {
		interval, timeout = 25*time.Second, time.Minute
	}
	s.plain = websocket.New(websocket.Config{PingPeriod: interval, PongWait: interval + timeout, Codes: closecode.Codes()})
	s.announce = newAnnouncer(s)
	return s
}

// ServeSocketIO answers the requests of Engine.IO: handshakes, polls and upgrades.
func (s *Server) ServeSocketIO(w http.ResponseWriter, r *http.Request) { s.socketIO.ServeHTTP(w, r) }

// Observe takes every new event of the log, in order, from one goroutine. It does not block.
func (s *Server) Observe(event eventstore.Recorded) { s.announce.heard(event) }

const (
	// closeTimeout is how long sockets may take to go when the server drains, of which one that takes nothing takes all.
	closeTimeout = 10 * time.Second
	// loseTimeout bounds noting that the connections are lost.
	loseTimeout = 3 * time.Second
)

// errDraining refuses new connections.
var errDraining = errors.New("the server is draining")

// admit refuses new connections while the server drains.
func (s *Server) admit(*http.Request) error {
	if s.draining.Load() {
		return fmt.Errorf("%w: %w", errDraining, &domain.Error{Code: domain.ServiceUnavailable})
	}
	return nil
}

// Run holds leases and looks at them, at memberships and at accounts again and again, until ctx ends.
func (s *Server) Run(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() { s.Presence.Run(ctx) })
	loops.Go(func() { s.lookAgain(ctx, s.lookAtPeople) })
	loops.Go(func() { s.lookAgain(ctx, s.lookAtLeases) })
	loops.Go(func() { s.lookAgain(ctx, s.lookElsewhere) })
	loops.Go(func() { s.announce.run(ctx) })
	loops.Wait()
}

// Drain lets no one in any more, tells everybody who is connected to reconnect elsewhere, and writes what waits to be recorded.
// Nobody has left by that: who reconnects in time goes on. Run should go on until it returns; then what is left to do is to
// take this server away, which Close does. The error is ctx's, when it ends first, or the database's.
func (s *Server) Drain(ctx context.Context) error {
	s.draining.Store(true)
	// At once, so that who has come back to another server and leaves there, leaves; and again, for joins that were under way.
	lost := s.loseAll(ctx, s.Now())
	closing, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	err := errors.Join(lost, s.closeAll(closing), s.recorder.flush(ctx))
	return errors.Join(err, s.loseAll(ctx, s.Now()))
}

// loseAll notes that this server's connections are lost, however little time is left.
func (s *Server) loseAll(ctx context.Context, at time.Time) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loseTimeout)
	defer cancel()
	return s.Presence.LoseAll(ctx, at)
}

// closeAll tells all who are connected to come back elsewhere, and waits until they have gone: of one who does not, nobody else
// has to hear later.
func (s *Server) closeAll(ctx context.Context) error {
	var group sync.WaitGroup
	errs := make([]error, 2)
	for i, end := range []func(context.Context, websocket.CloseCode) error{s.socketIO.Close, s.plain.Close} {
		group.Go(func() { errs[i] = end(ctx, websocket.Restart) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// Close takes this server away, after Drain and Run. What could not be recorded by now is given up: other servers
// find it by the leases.
func (s *Server) Close(ctx context.Context) error {
	s.draining.Store(true)
	err := s.closeAll(ctx)
	s.recorder.close()
	return errors.Join(err, s.Presence.Deregister(ctx))
}
