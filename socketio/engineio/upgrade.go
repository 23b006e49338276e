package engineio

import (
	"net/http"
	"time"

	"github.com/studycall/studycall/websocket"
)

// candidate is a WebSocket to which a connection on polling is about to change (Engine.IO protocol, "Upgrade"): the client
// probes it, the waiting poll is answered, and when the client says so the WebSocket takes over.
type candidate struct {
	conn *Conn

	// Conn's mutex guards these.
	socket *websocket.Conn // nil until the request is upgraded
	timer  *time.Timer     // gives it up

	won bool // it took over. Its own goroutine alone reads and writes this
}

// serveCandidate upgrades the request, also where it cannot win: browsers show no answer but that of a WebSocket. It is
// the candidate before the client can know that it is connected: a poll that the client sends after that must be held.
func (s *Server) serveCandidate(w http.ResponseWriter, r *http.Request, c *Conn) {
	t := &candidate{conn: c}
	c.try(t)
	if s.sockets.Serve(w, r, t) != nil { // which has answered
		c.drop(t)
	}
}

// Open is websocket.Handler's.
func (t *candidate) Open(socket *websocket.Conn) {
	if !t.conn.tried(t, socket) {
		socket.Close(websocket.Protocol)
	}
}

// Message is websocket.Handler's.
func (t *candidate) Message(socket *websocket.Conn, data []byte, binary bool) {
	switch {
	case t.won:
		t.conn.receiveFrame(data, binary)
	case !binary && string(data) == "2probe" && t.conn.probe(t):
		socket.Send(websocket.Headed("3probe"))
	case !binary && string(data) == "5" && t.conn.upgrade(t):
		t.won = true
	default:
		socket.Close(websocket.Protocol)
	}
}

// Closed is websocket.Handler's.
func (t *candidate) Closed(socket *websocket.Conn, cause error) {
	if t.won {
		t.conn.socketClosed(socket, cause)
		return
	}
	t.conn.drop(t)
}

// giveUp closes a candidate that did not win.
func (t *candidate) giveUp() {
	if t.socket != nil {
		t.timer.Stop()
		t.socket.Close(websocket.Normal)
	}
}

// try makes a WebSocket the candidate, if the connection can be upgraded and has no other.
func (c *Conn) try(t *candidate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended && c.polling != nil && c.socket.Load() == nil && c.polling.candidate == nil {
		c.polling.candidate = t
	}
}

// tried is told that a WebSocket is connected, and says whether it is the candidate.
func (c *Conn) tried(t *candidate, socket *websocket.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || c.polling == nil || c.polling.candidate != t {
		return false
	}
	t.socket = socket
	t.timer = time.AfterFunc(c.server.config.UpgradeTimeout, func() { socket.Close(websocket.Silent) })
	return true
}

// probe notes that the candidate works, and has the waiting poll answered.
func (c *Conn) probe(t *candidate) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || c.polling == nil || c.polling.candidate != t || !c.polling.probed.IsZero() {
		return false
	}
	c.polling.probed = time.Now()
	c.polling.look()
	return true
}

// upgrade lets the candidate take over: what waits goes over it, and everything after that.
func (c *Conn) upgrade(t *candidate) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.polling
	if c.ended || p == nil || p.candidate != t || p.probed.IsZero() {
		return false
	}
	t.timer.Stop()
	p.candidate = nil
	p.stopMissing()
	if len(p.queue) > 0 {
		t.socket.Send(websocket.Joined(framesOf(p.queue)...)) // more than its queue would count
		p.queue, p.bytes = nil, 0
	}
	c.socket.Store(t.socket)
	p.look()
	return true
}

// drop forgets a candidate that was closed: the connection goes on with polling.
func (c *Conn) drop(t *candidate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.polling != nil && c.polling.candidate == t {
		if t.timer != nil {
			t.timer.Stop()
		}
		c.polling.candidate, c.polling.probed = nil, time.Time{}
		c.polling.look()
	}
}
