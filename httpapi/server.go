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
	"github.com/studycall/studycall/domain"
)

// readyTimeout bounds the check of readiness, which balancers repeat every few seconds.
const readyTimeout = 2 * time.Second

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
	ctx, cancel := context.WithTimeout(c.Request().Context(), readyTimeout)
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
