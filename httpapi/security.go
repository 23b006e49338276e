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

// strictTransport is the value of Strict-Transport-Security: one year, for this host alone, because its subdomains may be other
// services. It is sent only where the client is known to use TLS: browsers ignore it over plain HTTP, and the operator may have
// no certificate.
const strictTransport = "max-age=31536000"

// apiHeaders sets the security headers of answers that are no pages: a browser does nothing with them but hand them to the
// page that asked.
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
