package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// Commands are the commands that routes carry out. See commands.Handlers.
type Commands interface {
	StartSession(ctx context.Context, cmd commands.StartSession) (commands.Started, error)
	JoinSession(ctx context.Context, cmd commands.JoinSession) (commands.Joined, error)
	LeaveSession(ctx context.Context, cmd commands.LeaveSession) (int64, error)
}

// Sessions are the queries on sessions. Each answers with the position in the log that its answer rests on.
type Sessions interface {
	// Open is the study's open session with everybody who ever joined it; the zero Session when none is open.
	Open(ctx context.Context, studyID string) (session domain.Session, position int64, err error)
	// Session is one session of the study, open or ended. The error is domain.ErrSessionNotFound when it has none such.
	Session(ctx context.Context, studyID, sessionID string) (session domain.Session, position int64, err error)
	// WaitFor returns once the queries know the event at the position; ctx's error when that comes first.
	WaitFor(ctx context.Context, position int64) error
}

// Access says who may. See membership.Access.
type Access interface {
	// ActiveMember's error is domain.ErrNotStudyMember for whoever is not one.
	ActiveMember(ctx context.Context, studyID, userID string) error
	// Account's error is domain.ErrUserNotFound when there is no such user.
	Account(ctx context.Context, userID string) (membership.User, error)
}

// Users are looked up for their names and avatars; unknown ids are missing from the answer. See membership.Directory.
type Users interface {
	Users(ctx context.Context, ids []string) (map[string]membership.User, error)
}

// Authenticator tells who sent a request. The error is auth.ErrUnauthenticated when it does not prove it.
type Authenticator interface {
	Authenticate(r *http.Request) (userID string, err error)
}

// Readiness says whether this server can do its work. Detail is shown to anybody who asks, as JSON, ready or not;
// the error is only logged.
type Readiness interface {
	Ready(ctx context.Context) (detail any, err error)
}

// Config is what the edge is made of. Every field is needed, and must be safe for concurrent use.
type Config struct {
	Commands      Commands
	Sessions      Sessions
	Access        Access
	Users         Users
	Authenticator Authenticator
	Readiness     Readiness
	// Now is the business time of commands.
	Now func() time.Time
	Log *slog.Logger
}

// server holds the configuration for the handlers.
type server struct{ Config }

// New makes the handler of every REST route and of the health checks. It answers any other path with the contract's
// 404. Timeouts for reading requests are the http.Server's to set.
func New(config Config) http.Handler {
	s := &server{config}
	e := echo.New()
	e.Use(s.edge)

	const call = "/api/my-studies/:studyId/video-call"
	e.POST(call+"/start", s.signedIn(s.start))
	e.POST(call+"/join", s.signedIn(s.join))
	e.POST(call+"/leave", s.signedIn(s.leave))
	get(e, call+"/status", s.signedIn(s.status))
	get(e, call+"/sessions/:sessionId", s.signedIn(s.session))
	// A parameter at the end of a path takes whatever follows, slashes too, unless something else does.
	e.RouteNotFound(call+"/sessions/:sessionId/*", echo.NotFoundHandler)

	get(e, "/health", s.health)
	get(e, "/ready", s.ready)
	return e
}

// get adds a route for GET, and for HEAD, of whose answer net/http leaves out the body.
func get(e *echo.Echo, path string, handler echo.HandlerFunc) {
	e.Match([]string{http.MethodGet, http.MethodHead}, path, handler)
}
