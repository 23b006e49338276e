package httpapi

import (
	"cmp"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// route is a row of the route table. The zero route, without a path, is that of requests which match no row.
type route struct {
	methods []string // none: every method that Echo knows
	path    string
	handler echo.HandlerFunc

	// limit returns the limit of the client's address that counts a request; nil: Server.ordinary.
	limit func(*http.Request) addressLimit
	// headers sets the security headers of the answers; nil: apiHeaders.
	headers func(http.Header)
	// timeout bounds the handler's work on a request; 0: answerTimeout.
	timeout time.Duration
	// stream says that the handler reads and writes the connection itself. No limit on the body applies, and requests are not
	// logged, because polls are as frequent as messages.
	stream bool
	// whileStarting and notWhileDraining say in which phases the route is served. The others answer 503.
	whileStarting, notWhileDraining bool
}

// noTimeout is the timeout of a route whose handler answers when it has something to say.
const noTimeout = time.Duration(1<<63 - 1)

// table is the route table of the service.
func (s *Server) table() []route {
	const call = "/api/my-studies/:studyId/video-call"
	command := []string{http.MethodPost}
	query := []string{http.MethodGet, http.MethodHead} // net/http leaves out the body of an answer to HEAD
	return []route{
		{methods: command, path: call + "/start", handler: s.signedIn(s.start), notWhileDraining: true},
		{methods: command, path: call + "/join", handler: s.member(s.join)},
		{methods: command, path: call + "/leave", handler: s.signedIn(s.leave)},
		{methods: query, path: call + "/status", handler: s.member(s.status)},
		{methods: query, path: call + "/sessions/:sessionId", handler: s.member(s.session)},
		{methods: query, path: call + "/history", handler: s.member(s.history)},
		{methods: query, path: call + "/stats", handler: s.member(s.studyStats)},
		{methods: query, path: call + "/stats/users/:userId", handler: s.signedIn(s.userStats)},
		{methods: []string{http.MethodGet}, path: call + "/events", handler: s.events, stream: true, notWhileDraining: true},

		{path: "/socket.io/*", handler: s.socketIO, stream: true, limit: s.engineIO, timeout: noTimeout},
		{path: "/ws", handler: s.plainSocket, stream: true},

		{methods: query, path: "/health", handler: s.health, limit: unlimited, whileStarting: true},
		{methods: query, path: "/ready", handler: s.ready, limit: unlimited, notWhileDraining: true},
		{methods: query, path: "/metrics", handler: s.metrics, limit: unlimited},
	}
}

// register fills in the defaults of the table's rows and gives them to the router.
func (s *Server) register(table []route) {
	s.routes = map[string]route{"": {limit: s.ordinary, headers: apiHeaders, timeout: answerTimeout}}
	for _, r := range table {
		if r.limit == nil {
			r.limit = s.ordinary
		}
		if r.headers == nil {
			r.headers = apiHeaders
		}
		r.timeout = cmp.Or(r.timeout, answerTimeout)
		s.routes[r.path] = r
		if r.methods == nil {
			s.router.Any(r.path, r.handler)
		} else {
			s.router.Match(r.methods, r.path, r.handler)
		}
		if strings.HasPrefix(path.Base(r.path), ":") {
			// Echo's last parameter takes the rest of the path, slashes included, unless another route matches it.
			s.router.RouteNotFound(r.path+"/*", echo.NotFoundHandler)
		}
	}
}

// routeOf returns the row that the router has found for the request's path, whether or not the method is one of its.
func (s *Server) routeOf(c echo.Context) route {
	if r, found := s.routes[c.Path()]; found {
		return r
	}
	return s.routes[""]
}

// serves reports whether the route is served in the current phase.
func (s *Server) serves(r route) bool {
	switch s.phase.Load() {
	case starting:
		return r.whileStarting
	case draining:
		return !r.notWhileDraining
	default:
		return true
	}
}
