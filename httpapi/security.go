package httpapi

import (
	"net/http"
	"net/netip"

	"github.com/studycall/studycall/auth"
)

// Security is what the edge asks of requests besides a sign-in. The zero Security limits nobody and trusts nobody: no
// page of another origin, and no proxy.
type Security struct {
	// Origins are the web pages that may call with their user's cookies and read the answers.
	Origins *auth.Origins
	// IdentityHeader is one more header that such pages may send, "" for none. It is auth.DevHeader in development.
	IdentityHeader string
	// Proxies are the addresses whose X-Forwarded-For and X-Forwarded-Proto are believed.
	Proxies []netip.Prefix
	// PerUser limits each user, wherever they are; PerAddress each client address, whoever is there, and by a twentieth and a
	// fifth of it (PerSecond, Burst) the connections that it may open. Whole schools share an address, so its Rate should be
	// many times a user's. Both are this server's own: several servers allow as much each.
	PerUser, PerAddress Rate
}

// strictTransport is for a year, of this host alone: those below it are not ours to speak for.
const strictTransport = "max-age=31536000"

// protect sets the headers that tell browsers to do nothing with an answer but hand it to the page that asked for it.
//
// Cross-Origin-Resource-Policy is same-site, which keeps others from embedding what a cookie opened; it does not bind
// requests in CORS mode, so allowed origins of other sites are not hindered. Strict-Transport-Security is sent where the
// client is known to have come by TLS: over plain HTTP browsers ignore it, and the operator may have no certificate.
func protect(header http.Header, secure bool) {
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-site")
	header.Set("Cache-Control", "no-store")
	if secure {
		header.Set("Strict-Transport-Security", strictTransport)
	}
}
