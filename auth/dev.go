package auth

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// DevHeader is the header in which callers state their user id in development.
const DevHeader = "X-User-Id"

// Dev trusts any user id that the caller sends in the X-User-Id header. It is for development on one's own machine only: the
// program must not use it on a listener that other machines reach. A listener on loopback is not enough, so Dev refuses requests
// for another host name than the machine's own: a hostile page whose host name resolves to 127.0.0.1 has, for the browser, the
// same origin as this service, and may send any header (DNS rebinding). Dev also refuses requests that came through a proxy, as
// Forwarded (RFC 7239) or X-Forwarded-… show: other machines then reach the service. It may be used concurrently.
type Dev struct{}

// Authenticate returns the id in the header, whether or not such a user exists. The error wraps ErrUnauthenticated.
func (Dev) Authenticate(r *http.Request) (string, error) {
	if !Loopback((&url.URL{Host: r.Host}).Hostname()) {
		return "", errNotLocal
	}
	for name := range r.Header {
		if name == "Forwarded" || strings.HasPrefix(name, "X-Forwarded-") {
			return "", errForwarded
		}
	}
	id := r.Header.Get(DevHeader)
	if id == "" {
		return "", errNoHeader
	}
	return id, nil
}

// Loopback reports whether a host name or address always denotes the machine itself.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
