package httpapi

import (
	"context"
	"net/http"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/feed"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/projections"
)

// Services are what the routes call. Every field is needed, and must be safe for concurrent use.
type Services struct {
	Commands   Commands
	Sessions   Sessions
	History    History
	UserStats  *projections.UserStatsQueries
	StudyStats *projections.StudyStatsQueries
	Presence   Presence
	Access     Access
	// Recheck reports on users with open feeds. Its cached knowledge must be younger than that of Access by RecheckInterval, so
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
