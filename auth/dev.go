package auth

import (
	"net"
	"net/http"
	"strings"
)

// DevHeader is the header in which callers say who they are in development.
const DevHeader = "X-User-Id"

// Dev believes whatever user id the caller gives in the X-User-Id header. It is for development on one's own machine
// only: whoever builds the program from its settings keeps it off every other listener. It may be used concurrently.
type Dev struct {
	// LocalOnly believes only requests that were sent to a name of the machine itself. A listener on loopback is not
	// enough: a hostile page may have its own host's name resolve to 127.0.0.1, and is then of the same origin for the
	// browser, which lets it send any header (DNS rebinding). The Host header tells.
	LocalOnly bool
}

// Authenticate gives the id in the header, as it is: it need not be anybody's. The error is ErrUnauthenticated without one.
func (d Dev) Authenticate(r *http.Request) (string, error) {
	if d.LocalOnly && !Loopback(hostname(r.Host)) {
		return "", errNotLocal
	}
	id := r.Header.Get(DevHeader)
	if id == "" {
		return "", ErrUnauthenticated
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
