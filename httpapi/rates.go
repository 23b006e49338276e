package httpapi

import (
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/studycall/studycall/domain"
)

// Rate is how often somebody may ask: so many times a second in the long run, and Burst times at once. The zero Rate, and
// every other with nothing per second, is no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// openingsOf is how many connections an address may have opened: by default 25 a second, and 400 at once. A connection that
// nobody ever uses is kept for 45 s (Engine.IO's connect timeout), so there are some 1,500 of one address at most. A page
// has one or two, and a whole school that reconnects after a restart is through in a minute.
func openingsOf(perAddress Rate) Rate {
	return Rate{PerSecond: perAddress.PerSecond / 20, Burst: max(perAddress.Burst/5, 1)}
}

// limitAddress counts the request for the address that it comes from, whoever sends it, and before anything is done for
// it: so it bounds the guessing of tokens, too.
//
// Polls of a connection that is open count for nothing: they come as fast as messages do, of which each connection may send
// only so many, and one that is refused would end it. Whoever polls what is not there learns so at next to no cost.
func (e *Edge) limitAddress(r *http.Request) error {
	limiter := e.requests
	switch {
	case watched(r.URL.Path), polling(r):
		return nil
	case opening(r):
		limiter = e.openings
	}
	if limiter == nil {
		return nil
	}
	return limited("address", limiter.take(household(clientAddress(r, e.security.Proxies)), e.now()))
}

// opening reports whether a request asks for a connection that stays: a WebSocket, or Engine.IO's first poll.
func opening(r *http.Request) bool {
	return webSocket(r) || engineIO(r) && r.Method == http.MethodGet
}

// polling reports whether a request is Engine.IO's, for a connection that was opened before.
func polling(r *http.Request) bool {
	return engineIO(r) && !webSocket(r) && r.URL.Query().Get("sid") != ""
}

// webSocket reports whether a request may be taken for one that asks for a WebSocket. Other upgrades, such as the h2c that
// some clients ask for each time, are nobody's here.
func webSocket(r *http.Request) bool {
	return slices.ContainsFunc(r.Header["Upgrade"], func(value string) bool {
		return strings.Contains(strings.ToLower(value), "websocket")
	})
}

func engineIO(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/socket.io/") }

// limitUser counts the request for the user who has proved to send it.
func (s *server) limitUser(userID string) error {
	if s.users == nil {
		return nil
	}
	return limited("user", s.users.take(userID, s.Now()))
}

// limited is the answer to a caller who has to wait, and says for how long in whole seconds.
func limited(whose string, wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	return &domain.Error{Code: domain.RateLimited, Details: map[string]any{"limit": whose, retryAfterDetail: int64(math.Ceil(wait.Seconds()))}}
}

// watched are the routes that tell operators and their balancers how the server is. They must answer under any load.
func watched(path string) bool {
	return path == "/health" || path == "/ready" || path == "/metrics"
}
