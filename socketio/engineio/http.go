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
	case !s.allowsOrigin(r):
		forbidden.write(w)
	case s.config.Admit != nil && s.config.Admit(r) != nil:
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
	case upgrade && !s.allowsOrigin(r):
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

func (s *Server) allowsOrigin(r *http.Request) bool {
	return s.config.CheckOrigin == nil || s.config.CheckOrigin(r)
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

// refusal is an error answer (Engine.IO protocol, "Errors"): the HTTP status, the code of the protocol, which is 3 where it has none of
// its own, and the message of the reference server.
type refusal struct {
	status, code int
	message      string
}

//nolint:gochecknoglobals // constants: Go has none of struct types
var (
	unknownTransport = &refusal{http.StatusBadRequest, 0, "Transport unknown"}
	unknownSession   = &refusal{http.StatusBadRequest, 1, "Session ID unknown"}
	badMethod        = &refusal{http.StatusBadRequest, 2, "Bad handshake method"}
	badRequest       = &refusal{http.StatusBadRequest, 3, "Bad request"}
	forbidden        = &refusal{http.StatusForbidden, 4, "Forbidden"}
	badVersion       = &refusal{http.StatusBadRequest, 5, "Unsupported protocol version"}
	tooLarge         = &refusal{http.StatusRequestEntityTooLarge, 3, "Payload too large"}
	headersTooLarge  = &refusal{http.StatusRequestHeaderFieldsTooLarge, 3, "Headers too large"}
	unavailable      = &refusal{http.StatusServiceUnavailable, 3, "Service unavailable"}
)

func (f *refusal) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(f.status)
	_, _ = fmt.Fprintf(w, `{"code":%d,"message":%q}`, f.code, f.message) // fails when the connection is closed
}
