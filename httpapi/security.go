package httpapi

import (
	"net/http"
	"net/netip"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/pacing"
)

// Security is what the edge demands of requests besides a sign-in. The zero Security has no limits, and trusts no page of
// another origin and no proxy.
type Security struct {
	// Origins are the web pages that may send their user's cookies and read the answers.
	Origins *auth.Origins
	// IdentityHeader is one more header that these pages may send; "" for none. In development it is auth.DevHeader.
	IdentityHeader string
	// Proxies are the addresses whose X-Forwarded-For and X-Forwarded-Proto are trusted.
	Proxies []netip.Prefix
	// PerUser limits the requests of each user, PerAddress those of each client address, and by a twentieth (PerSecond) and a
	// fifth (Burst) the connections that an address opens. A whole school may share an address, so PerAddress should be many
	// times PerUser. Each server counts for itself.
	PerUser, PerAddress pacing.Rate
}

// apiHeaders sets the security headers of answers that are not pages: the browser only passes them to the requesting page.
//
// Cross-Origin-Resource-Policy is same-site, which keeps pages of other sites from embedding what a cookie opened. It does not
// bind requests in CORS mode, so allowed origins of other sites are not hindered.
func apiHeaders(header http.Header) {
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-site")
	header.Set("Cache-Control", "no-store")
}

const (
	corsMethods = "GET, HEAD, POST"
	corsHeaders = "Content-Type, Authorization, Accept-Language, " + minEventPosition + ", " + echo.HeaderXRequestID
	corsExposed = eventPosition + ", " + echo.HeaderRetryAfter + ", " + echo.HeaderXRequestID
	// corsMaxAge is how long a browser may cache the permission, in seconds. No browser caches it for more than two hours.
	corsMaxAge = "7200"
)

// cors sets the headers that let pages of allowed origins send their user's cookies and read the answer. It reports whether the
// request is a preflight of such a page, which needs no other answer. A preflight for an unknown path is one too, so that the
// page can read the 404.
//
// Echo's middleware is not fit: without a list it allows every origin, and it answers every OPTIONS request, also those for
// unknown routes and of other origins.
func (s *Server) cors(header http.Header, r *http.Request) (preflight bool) {
	header.Add(echo.HeaderVary, echo.HeaderOrigin) // a cache must not give one origin's answer to another
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

// refuseForged refuses a command that a page of another site may have made the browser send with its user's cookies. Browsers
// may add other kinds of Authorization by themselves, but a page needs permission (see cors) to send a Bearer token or the
// identity header.
func (s *Server) refuseForged(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	identity := s.Security.IdentityHeader
	permitted := auth.Bearer(r.Header) != "" || identity != "" && r.Header.Get(identity) != ""
	if len(r.Header["Cookie"]) == 0 || permitted || s.Security.Origins.Trust(r) {
		return nil
	}
	return &domain.Error{Code: domain.PermissionDenied, Details: map[string]any{
		"field": "Origin", "reason": "must be this service's, of the same site, or one of the allowed origins",
	}}
}
