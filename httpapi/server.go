package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/feed"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/projections"
)

// Config is what the edge has to know before the database is open. Every field but Security is needed, and must be safe for
// concurrent use.
type Config struct {
	Authenticator auth.Authenticator
	Security      Security
	// Now is the clock of commands and limits. Statistics end on its day.
	Now func() time.Time
	// Zone is the statistics time zone. A date without a time in a query is a day of this zone. Services.StudyStats must have
	// the same zone.
	Zone *time.Location
	// RecheckInterval is the time between two checks of whether subscribers of feeds are still active members.
	RecheckInterval time.Duration
	Log             *slog.Logger
}

// Server is the HTTP edge: the handler of every request to the service. It starts in the phase starting, in which only
// GET /health succeeds and everything else is answered with 503. Open begins the phase serving, Drain the phase draining. Its
// methods may be called concurrently. Timeouts for reading requests are the http.Server's to set.
type Server struct {
	Config
	Services // set by Open

	phase  atomic.Int32
	router *echo.Echo
	routes map[string]route // by path

	// requests limits the ordinary requests of each address, connections the connections that it opens.
	requests, connections addressLimit
	users                 *limiter[string]
}

// The phases of a server.
const (
	starting int32 = iota
	serving
	draining
)

// New makes a server in the phase starting.
func New(config Config) *Server {
	perAddress := config.Security.PerAddress
	s := &Server{
		Config:      config,
		router:      echo.New(),
		requests:    newLimiter[netip.Addr](perAddress, bucketLimit),
		connections: newLimiter[netip.Addr](connectionRate(perAddress), bucketLimit),
		users:       newLimiter[string](config.Security.PerUser, bucketLimit),
	}
	s.router.Use(s.handle)
	s.register(s.table())
	return s
}

// Open begins the phase serving: every route is answered, by the services. It must be called once.
func (s *Server) Open(services Services) {
	s.Services = services
	s.phase.Store(serving)
}

// Drain begins the phase draining: no call is started and no feed is opened, and GET /ready answers 503, so that a balancer
// sends new requests to another server. All other routes go on.
func (s *Server) Drain() { s.phase.Store(draining) }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.router.ServeHTTP(w, r) }

// health answers 200 whatever the state of the database, because a restart of the program would not help the database.
func (s *Server) health(c echo.Context) error {
	return c.JSON(http.StatusOK, echo.Map{"status": "ok"})
}

// ready answers 200 if requests should be sent to this server, and 503 if not.
func (s *Server) ready(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), 2*time.Second) // balancers repeat the request every few seconds
	defer cancel()
	detail, err := s.Readiness.Ready(ctx)
	if err != nil {
		s.Log.WarnContext(ctx, "not ready", "error", err)
		return &domain.Error{Code: domain.ServiceUnavailable, Details: map[string]any{"checks": detail}}
	}
	return c.JSON(http.StatusOK, struct {
		Status string `json:"status"`
		Checks any    `json:"checks"`
	}{"ready", detail})
}

// metrics answers in the format of Prometheus.
func (s *Server) metrics(c echo.Context) error {
	s.Metrics.ServeHTTP(c.Response(), c.Request())
	return nil
}

// Services are what the routes call. Every field is needed, and must be safe for concurrent use.
type Services struct {
	Commands   Commands
	Sessions   Sessions
	History    History
	UserStats  *projections.UserStatsQueries
	StudyStats *projections.StudyStatsQueries
	Presence   Presence
	Access     Access
	// Recheck reports on users with open feeds. Its cache age must be shorter than that of Access by RecheckInterval, so
	// that a user whose feed is closed cannot open another one at once.
	Recheck   *membership.Access
	Users     membership.Directory // looks up names and avatars
	Readiness Readiness
	Sockets   Sockets
	Feeds     *feed.Feeds
	// Metrics answers GET /metrics.
	Metrics http.Handler
}

// Commands are the commands that routes carry out. See commands.Handlers.
type Commands interface {
	StartSession(ctx context.Context, cmd commands.StartSession) (commands.Started, error)
}

// waiter is part of every query: WaitFor returns once the query's tables hold the event at the position, or with ctx's error.
type waiter interface {
	WaitFor(ctx context.Context, position int64) error
}

// Sessions queries sessions. Each answer comes with the position of the last event that it rests on.
type Sessions interface {
	waiter
	// Open returns the study's open session with every participant; the zero Session when none is open.
	Open(ctx context.Context, studyID string) (session domain.Session, position int64, err error)
	// Session returns one session of the study, open or ended. The error is domain.ErrSessionNotFound when the study has no
	// such session as of the position.
	Session(ctx context.Context, studyID, sessionID string) (session domain.Session, position int64, err error)
}

// History queries ended sessions. See projections.HistoryQueries.
type History interface {
	waiter
	Page(ctx context.Context, studyID string, page projections.HistoryPage) (projections.PastSessions, error)
}

// Access decides who may do what. See membership.Access.
type Access interface {
	// ActiveMember's error is domain.ErrNotStudyMember for a user who is no active member.
	ActiveMember(ctx context.Context, studyID, userID string) error
	// SelfOrStaff's error is domain.ErrPermissionDenied or domain.ErrNotStudyMember for a caller who is neither.
	SelfOrStaff(ctx context.Context, studyID, callerID, userID string) error
	// EverMember's error is domain.ErrUserNotFound for a user who never was a member.
	EverMember(ctx context.Context, studyID, userID string) error
	// Account's error is domain.ErrUserNotFound when no such user exists.
	Account(ctx context.Context, userID string) (membership.User, error)
}

// Readiness reports whether this server can do its work. Everybody may see the detail, which is answered as JSON whether the
// server is ready or not. The error is only logged.
type Readiness interface {
	Ready(ctx context.Context) (detail any, err error)
}

// Sockets are the connections of browsers. See realtime.Server.
type Sockets interface {
	// ServeSocketIO answers the requests of Engine.IO: handshakes, polls and upgrades.
	ServeSocketIO(w http.ResponseWriter, r *http.Request)
	// ServePlain upgrades a request to a plain WebSocket. When it returns an error, it has not answered the request.
	ServePlain(w http.ResponseWriter, r *http.Request) error
}

// Presence brings users into calls and out of them. See presence.Registry.
type Presence interface {
	Join(ctx context.Context, join presence.Join) (commands.Joined, error)
	Leave(ctx context.Context, leave presence.Leave) (position int64, err error)
}
