package engineio

import (
	"net/http"
	"time"

	"github.com/studycall/studycall/websocket"
)

// directSocket is the WebSocket of a connection that began on it.
type directSocket struct{ conn *Conn }

// Open implements websocket.Handler.
func (s *directSocket) Open(socket *websocket.Conn) {
	if !s.conn.start(socket) {
		socket.Close(websocket.Restart)
	}
}

// Message implements websocket.Handler.
func (s *directSocket) Message(_ *websocket.Conn, data []byte, binary bool) {
	s.conn.receiveFrame(data, binary)
}

// Closed implements websocket.Handler.
func (s *directSocket) Closed(socket *websocket.Conn, cause error) {
	s.conn.socketClosed(socket, cause)
}

// receiveFrame handles a message of the connection's WebSocket.
func (c *Conn) receiveFrame(data []byte, binary bool) {
	p := packet{kind: kindMessage, binary: true, data: data}
	if !binary {
		var err error
		if p, err = decodePacket(data); err != nil {
			c.end(ParseError, c.server.config.Codes.BadPacket)
			return
		}
	}
	c.receive(p)
}

// socketClosed ends the connection because its WebSocket has ended.
func (c *Conn) socketClosed(socket *websocket.Conn, cause error) {
	if c.server.find(c.id) == c { // else it never started, or has ended
		c.endAt(socket.LastAlive(), c.reasonOf(cause), websocket.Normal, cause)
	}
}

// candidate is a WebSocket to which a connection may upgrade from polling (Engine.IO protocol, "Upgrade"): the peer probes it, the
// waiting poll is answered, the peer confirms, and the WebSocket becomes the transport.
type candidate struct {
	conn *Conn

	// Conn.mu guards these.
	socket *websocket.Conn // nil until the request is upgraded
	timer  *time.Timer     // closes the WebSocket after UpgradeTimeout

	upgraded bool // it is the transport; only the WebSocket's own goroutine uses this
}

// serveCandidate upgrades the request even if the WebSocket cannot become the transport, because browsers show no other answer. The
// candidate is set before the peer can know that the WebSocket is open: a poll that the peer sends after that must be held.
func (s *Server) serveCandidate(w http.ResponseWriter, r *http.Request, c *Conn) {
	t := &candidate{conn: c}
	c.setCandidate(t)
	if s.sockets.Serve(w, r, t) != nil { // Serve has answered
		c.dropCandidate(t)
	}
}

// Open implements websocket.Handler.
func (t *candidate) Open(socket *websocket.Conn) {
	if !t.conn.candidateOpened(t, socket) {
		socket.Close(websocket.Protocol)
	}
}

// Message implements websocket.Handler.
func (t *candidate) Message(socket *websocket.Conn, data []byte, binary bool) {
	switch {
	case t.upgraded:
		t.conn.receiveFrame(data, binary)
	case !binary && string(data) == "2probe" && t.conn.probe(t):
		socket.Send(websocket.Headed("3probe"))
	case !binary && string(data) == "5" && t.conn.upgrade(t):
		t.upgraded = true
	default:
		socket.Close(websocket.Protocol)
	}
}

// Closed implements websocket.Handler.
func (t *candidate) Closed(socket *websocket.Conn, cause error) {
	if t.upgraded {
		t.conn.socketClosed(socket, cause)
		return
	}
	t.conn.dropCandidate(t)
}

// close closes a candidate that is not the transport.
func (t *candidate) close() {
	if t.socket != nil {
		t.timer.Stop()
		t.socket.Close(websocket.Normal)
	}
}

// setCandidate sets the candidate if the connection is on polling and has none.
func (c *Conn) setCandidate(t *candidate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended && c.polling != nil && c.socket.Load() == nil && c.polling.candidate == nil {
		c.polling.candidate = t
	}
}

// isCandidate reports whether t may become the transport. The caller holds the mutex.
func (c *Conn) isCandidate(t *candidate) bool {
	return !c.ended && c.polling != nil && c.polling.candidate == t
}

// candidateOpened sets the candidate's WebSocket. It is false if t is not the candidate.
func (c *Conn) candidateOpened(t *candidate, socket *websocket.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.isCandidate(t) {
		return false
	}
	t.socket = socket
	t.timer = time.AfterFunc(c.server.config.UpgradeTimeout, func() { socket.Close(c.server.config.Codes.PingTimeout) })
	return true
}

// probe notes that the candidate works, and lets the waiting poll be answered.
func (c *Conn) probe(t *candidate) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.isCandidate(t) || !c.polling.probed.IsZero() {
		return false
	}
	c.polling.probed = time.Now()
	c.polling.wakePoll()
	return true
}

// upgrade makes the candidate the transport. The queue and all later messages go over it.
func (c *Conn) upgrade(t *candidate) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.polling
	if !c.isCandidate(t) || p.probed.IsZero() {
		return false
	}
	t.timer.Stop()
	p.candidate = nil
	p.stopGapTimer()
	if len(p.queue) > 0 { // as one frame: the WebSocket's queue counts frames, this one does not
		t.socket.Send(websocket.Joined(framesOf(p.queue)...))
		p.queue, p.bytes = nil, 0
	}
	c.socket.Store(t.socket)
	p.wakePoll()
	return true
}

// dropCandidate forgets a candidate that was closed. The connection stays on polling.
func (c *Conn) dropCandidate(t *candidate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.polling != nil && c.polling.candidate == t {
		if t.timer != nil {
			t.timer.Stop()
		}
		c.polling.candidate, c.polling.probed = nil, time.Time{}
		c.polling.wakePoll()
	}
}
