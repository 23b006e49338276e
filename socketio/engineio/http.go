package engineio

import (
	"net/http"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/websocket"
)

// ServeHTTP answers handshakes, polls, posts and upgrades. Who may read the answers (CORS) is the caller's to say.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	transport, id := query.Get("transport"), query.Get("sid")
	upgrade := gorilla.IsWebSocketUpgrade(r)
	switch {
	case websocket.HeadersTooLarge(r):
		headersTooLarge.answer(w)
	case transport != "polling" && transport != "websocket":
		unknownTransport.answer(w)
	case query.Get("EIO") != "4":
		badVersion.answer(w)
	case (transport == "websocket") != upgrade:
		badRequest.answer(w)
	case id != "":
		s.serveKnown(w, r, id, upgrade)
	case r.Method != http.MethodGet:
		badMethod.answer(w)
	case !s.config.CheckOrigin(r):
		forbidden.answer(w)
	case s.config.Admit(r) != nil:
		unavailable.answer(w)
	case upgrade:
		s.openSocket(w, r)
	default:
		s.openPolling(w, r)
	}
}

// serveKnown answers a request of a connection that was opened before.
func (s *Server) serveKnown(w http.ResponseWriter, r *http.Request, id string, upgrade bool) {
	c := s.find(id)
	switch {
	case c == nil:
		unknownSession.answer(w)
	case upgrade && !s.config.CheckOrigin(r):
		forbidden.answer(w)
	case upgrade:
		s.serveCandidate(w, r, c)
	case r.Method == http.MethodGet:
		c.poll(w, r)
	case r.Method == http.MethodPost:
		c.post(w, r)
	default:
		badRequest.answer(w)
	}
}

// openSocket begins a connection on a WebSocket.
func (s *Server) openSocket(w http.ResponseWriter, r *http.Request) {
	_ = s.sockets.Serve(w, r, &transport{conn: newConn(s, r)}) // answers by itself what it refuses
}

// openPolling begins a connection on polling. The answer is its first packet.
func (s *Server) openPolling(w http.ResponseWriter, r *http.Request) {
	c := newConn(s, r)
	c.polling = &polling{wake: make(chan struct{}, 1)}
	if !c.begin(nil) {
		unavailable.answer(w)
		return
	}
	c.poll(w, r)
}
