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
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/projections"
)

// Commands are the commands that routes carry out. See commands.Handlers.
type Commands interface {
	StartSession(ctx context.Context, cmd commands.StartSession) (commands.Started, error)
}

// Sessions are the queries on sessions. Each answers with the position in the log that its answer rests on.
type Sessions interface {
	// Open is the study's open session with everybody who ever joined it; the zero Session when none is open.
	Open(ctx context.Context, studyID string) (session domain.Session, position int64, err error)
	// Session is one session of the study, open or ended. The error is domain.ErrSessionNotFound when it has none such as
	// of the position.
	Session(ctx context.Context, studyID, sessionID string) (session domain.Session, position int64, err error)
	// WaitFor returns once the queries know the event at the position; ctx's error when that comes first.
	WaitFor(ctx context.Context, position int64) error
}

// History is the query on ended sessions. See projections.HistoryQueries.
type History interface {
	Page(ctx context.Context, studyID string, page projections.HistoryPage) (projections.PastSessions, error)
	// WaitFor is that of Sessions.
	WaitFor(ctx context.Context, position int64) error
}

// UserStats is the query on what a user did in a study. See projections.UserStatsQueries.
type UserStats interface {
	Summary(ctx context.Context, studyID, userID string) (projections.UserSummary, error)
	// WaitFor is that of Sessions.
	WaitFor(ctx context.Context, position int64) error
}

// StudyStats is the query on what a study did on some days. See projections.StudyStatsQueries.
type StudyStats interface {
	Summary(ctx context.Context, studyID string, days int, now time.Time) (projections.StudySummary, error)
	// WaitFor is that of Sessions.
	WaitFor(ctx context.Context, position int64) error
}

// Access says who may. See membership.Access.
type Access interface {
	// ActiveMember's error is domain.ErrNotStudyMember for whoever is not one.
	ActiveMember(ctx context.Context, studyID, userID string) error
	// SelfOrStaff's error is domain.ErrPermissionDenied or domain.ErrNotStudyMember for a caller who is neither.
	SelfOrStaff(ctx context.Context, studyID, callerID, userID string) error
	// EverMember's error is domain.ErrUserNotFound for whoever never was one.
	EverMember(ctx context.Context, studyID, userID string) error
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

// Presence brings users into calls and out of them. See presence.Registry.
type Presence interface {
	Join(ctx context.Context, j presence.Join) (commands.Joined, error)
	Leave(ctx context.Context, l presence.Leave) (position int64, err error)
}

// Config is what the edge is made of. Every field but Security is needed, and must be safe for concurrent use.
type Config struct {
	Commands      Commands
	Sessions      Sessions
	History       History
	UserStats     UserStats
	StudyStats    StudyStats
	Presence      Presence
	Access        Access
	Users         Users
	Authenticator Authenticator
	Readiness     Readiness
	// Metrics answers GET /metrics.
	Metrics http.Handler
	// Now is the business time of commands, and on its day statistics end.
	Now func() time.Time
	// Zone is the statistics time zone, in which days without a time are meant. StudyStats has to be of the same.
	Zone *time.Location
	Log  *slog.Logger
	// Security is what requests are asked besides a sign-in; NewEdge is to be given the same.
	Security Security
}

// server holds the configuration for the handlers, and how much each user has asked lately.
type server struct {
	Config
	users *limiter[string]
}

// New makes the handler of every REST route and of the health checks. It answers any other path with the contract's
// 404. It belongs behind an Edge. Timeouts for reading requests are the http.Server's to set.
func New(config Config) http.Handler {
	s := &server{config, newLimiter[string](config.Security.PerUser, bucketLimit)}
	e := echo.New()
	e.Use(s.around)

	const call = "/api/my-studies/:studyId/video-call"
	e.POST(call+"/start", s.signedIn(s.start))
	e.POST(call+"/join", s.signedIn(s.join))
	e.POST(call+"/leave", s.signedIn(s.leave))
	get(e, call+"/status", s.signedIn(s.status))
	get(e, call+"/sessions/:sessionId", s.signedIn(s.session))
	// A parameter at the end of a path takes whatever follows, slashes too, unless something else does.
	e.RouteNotFound(call+"/sessions/:sessionId/*", echo.NotFoundHandler)

	get(e, call+"/history", s.signedIn(s.history))
	get(e, call+"/stats", s.signedIn(s.studyStats))
	get(e, call+"/stats/users/:userId", s.signedIn(s.userStats))
	e.RouteNotFound(call+"/stats/users/:userId/*", echo.NotFoundHandler)

	get(e, "/health", s.health)
	get(e, "/ready", s.ready)
	get(e, "/metrics", echo.WrapHandler(s.Metrics))
	return e
}

// get adds a route for GET, and for HEAD, of whose answer net/http leaves out the body.
func get(e *echo.Echo, path string, handler echo.HandlerFunc) {
	e.Match([]string{http.MethodGet, http.MethodHead}, path, handler)
}
