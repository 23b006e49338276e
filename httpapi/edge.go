package httpapi

import (
	"crypto/rand"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// requestIDLimit is the longest request id that is taken over from the caller, in bytes.
const requestIDLimit = 64

// Edge is what every request meets first, whichever part of the service it is for: its id, the headers that tell browsers what
// they may do with the answer, and the limits of its address. It may be used concurrently.
type Edge struct {
	security Security
	// requests count what is answered and done with, openings what stays: see cost.
	requests, openings *limiter[netip.Addr]
	now                func() time.Time
}

// NewEdge makes an edge. Now is the clock of its limits, and must be safe for concurrent use.
func NewEdge(security Security, now func() time.Time) *Edge {
	return &Edge{
		security: security, now: now,
		requests: newLimiter[netip.Addr](security.PerAddress, bucketLimit),
		openings: newLimiter[netip.Addr](openingsOf(security.PerAddress), bucketLimit),
	}
}

// Before is the handler behind the edge. It gets the very ResponseWriter of the server, so that it can take connections over
// and set deadlines.
func (e *Edge) Before(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set(echo.HeaderXRequestID, requestID(r))
		protect(header, secure(r, e.security.Proxies))
		preflight := e.cors(header, r)
		if err := e.limitAddress(r); err != nil {
			_ = answerFailure(w, r, err)
			return
		}
		if preflight {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// requestID takes over the id that a proxy or the caller gave the request, if it is fit for logs.
func requestID(r *http.Request) string {
	id := r.Header.Get(echo.HeaderXRequestID)
	unprintable := func(c rune) bool { return c <= ' ' || c > '~' }
	if id == "" || len(id) > requestIDLimit || strings.ContainsFunc(id, unprintable) {
		return rand.Text()
	}
	return id
}
