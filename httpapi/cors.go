package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

const (
	corsMethods = "GET, HEAD, POST"
	corsHeaders = "Content-Type, Authorization, Accept-Language, " + minEventPosition + ", " + echo.HeaderXRequestID
	corsExposed = eventPosition + ", " + echo.HeaderRetryAfter + ", " + echo.HeaderXRequestID
	// corsMaxAge is for how many seconds a browser need not ask again: the most that any of them remembers is two hours.
	corsMaxAge = "7200"
)

// cors tells the browser whether the page that asks may send its user's cookies and read the answer. It reports whether
// that was the whole question: a preflight of an allowed origin, on whatever path, so that the page can read a 404, too.
//
// Echo's middleware was not fit: without origins it allows all, it knows wildcards, and it answers every OPTIONS request,
// those of unknown routes and strangers included.
func (s *Server) cors(header http.Header, r *http.Request) (preflight bool) {
	header.Add(echo.HeaderVary, echo.HeaderOrigin) // an answer to one origin must not be kept for another
	origin := r.Header.Get(echo.HeaderOrigin)
	if !s.Security.Origins.Listed(origin) {
		return false
	}
	header.Set(echo.HeaderAccessControlAllowOrigin, origin)
	header.Set(echo.HeaderAccessControlAllowCredentials, "true")
	if r.Method != http.MethodOptions || r.Header.Get(echo.HeaderAccessControlRequestMethod) == "" {
		header.Set(echo.HeaderAccessControlExposeHeaders, corsExposed)
		return false
	}
	header.Set(echo.HeaderAccessControlAllowMethods, corsMethods)
	allowed := corsHeaders
	if s.Security.IdentityHeader != "" {
		allowed += ", " + s.Security.IdentityHeader
	}
	header.Set(echo.HeaderAccessControlAllowHeaders, allowed)
	header.Set(echo.HeaderAccessControlMaxAge, corsMaxAge)
	return true
}
