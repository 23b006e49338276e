package auth

import (
	"net"
	"net/http"
	"strings"
)

// DevHeader is the header in which callers say who they are in development.
const DevHeader = "X-User-Id"

// Dev believes whatever user id the caller gives in the X-User-Id header. It is for development on one's own machine
// only: whoever builds the program from its settings keeps it off every other listener. A listener on loopback is not
// enough, so it believes no request
//
//   - that was sent to another name than the machine's own. A hostile page may have its own host's name resolve to
//     127.0.0.1, and is then of the same origin for the browser, which lets it send any header (DNS rebinding). The Host
//     header tells;
//   - that came by a proxy, which says so in Forwarded (RFC 7239) or X-Forwarded-…: then it is reached from elsewhere, and
//     not in development.
//
// It may be used concurrently.
type Dev struct{}

// Authenticate gives the id in the header, as it is: it need not be anybody's. The error is ErrUnauthenticated without one,
// and for requests that Dev does not believe.
func (Dev) Authenticate(r *http.Request) (string, error) {
	if !Loopback(hostname(r.Host)) {
		return "", errNotLocal
	}
	for name := range r.Header {
		if name == "Forwarded" || strings.HasPrefix(name, "X-Forwarded-") {
			return "", errForwarded
		}
	}
	id := r.Header.Get(DevHeader)
	if id == "" {
		return "", errNoName
	}
	return id, nil
}

// Loopback reports whether a host's name or address is of the machine itself and of no other.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// hostname is a Host header's without the port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1]
	}
	return host
}
