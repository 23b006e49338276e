package engineio

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/studycall/studycall/websocket"
)

// ServeHTTP serves handshakes, polls, posts and upgrades. CORS headers are left to a middleware of the caller.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	transport, id := query.Get("transport"), query.Get("sid")
	upgrade := websocket.IsUpgrade(r)
	switch {
	case websocket.HeadersTooLarge(r):
		headersTooLarge.write(w)
	case transport != "polling" && transport != "websocket":
		unknownTransport.write(w)
	case query.Get("EIO") != "4":
		badVersion.write(w)
	case (transport == "websocket") != upgrade:
		badRequest.write(w)
	case id != "":
		s.serveConn(w, r, id, upgrade)
	case r.Method != http.MethodGet:
		badMethod.write(w)
	case !s.config.CheckOrigin(r):
		forbidden.write(w)
	case s.config.Admit(r) != nil:
		unavailable.write(w)
	case upgrade:
		_ = s.sockets.Serve(w, r, &directSocket{newConn(s, r)}) // on an error, Serve has answered
	default:
		c := newConn(s, r)
		c.polling = &polling{wake: make(chan struct{}, 1)}
		if !c.start(nil) {
			unavailable.write(w)
			return
		}
		c.poll(w, r) // the answer is the open packet
	}
}

// serveConn serves a request of a connection that is open.
func (s *Server) serveConn(w http.ResponseWriter, r *http.Request, id string, upgrade bool) {
	c := s.find(id)
	switch {
	case c == nil:
		unknownSession.write(w)
	case upgrade && !s.config.CheckOrigin(r):
		forbidden.write(w)
	case upgrade:
		s.serveCandidate(w, r, c)
	case r.Method == http.MethodGet:
		c.poll(w, r)
	case r.Method == http.MethodPost:
		c.post(w, r)
	default:
		badRequest.write(w)
	}
}

// trimmed copies what is kept of a connection's first request: who is calling, from which page, in which language. The whole
// request could hold a megabyte of any content, as long as the connection lasts.
func trimmed(r *http.Request, keep []string) *http.Request {
	headers := http.Header{}
	for name, values := range r.Header {
		if isKept(name) || slices.Contains(keep, name) {
			headers[name] = slices.Clone(values)
		}
	}
	return &http.Request{
		Method: r.Method, URL: r.URL, Host: r.Host, Header: headers, RemoteAddr: r.RemoteAddr, TLS: r.TLS,
		Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor, RequestURI: r.RequestURI,
	}
}

// isKept reports whether every server keeps the header, given by its canonical name.
func isKept(name string) bool {
	switch name {
	case "Cookie", "Authorization", "Origin", "Referer", "Sec-Fetch-Site", "Forwarded", "Accept-Language":
		return true
	default:
		return strings.HasPrefix(name, "X-Forwarded-")
	}
}

// refusal is an error answer (Engine.IO protocol, "Errors"). The zero value is none.
type refusal uint8

const (
	unknownTransport refusal = iota + 1
	unknownSession
	badMethod
	badRequest
	forbidden
	badVersion
	tooLarge
	headersTooLarge
	unavailable
)

// parts are the HTTP status, the code of the protocol, which is 3 where it has none of its own, and the message of the reference
// server.
func (f refusal) parts() (status, code int, message string) {
	switch f {
	case unknownTransport:
		return http.StatusBadRequest, 0, "Transport unknown"
	case unknownSession:
		return http.StatusBadRequest, 1, "Session ID unknown"
	case badMethod:
		return http.StatusBadRequest, 2, "Bad handshake method"
	case forbidden:
		return http.StatusForbidden, 4, "Forbidden"
	case badVersion:
		return http.StatusBadRequest, 5, "Unsupported protocol version"
	case tooLarge:
		return http.StatusRequestEntityTooLarge, 3, "Payload too large"
	case headersTooLarge:
		return http.StatusRequestHeaderFieldsTooLarge, 3, "Headers too large"
	case unavailable:
		return http.StatusServiceUnavailable, 3, "Service unavailable"
	default:
		return http.StatusBadRequest, 3, "Bad request"
	}
}

func (f refusal) write(w http.ResponseWriter) {
	status, code, message := f.parts()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"code":%d,"message":%q}`, code, message) // fails when the peer is gone
}
