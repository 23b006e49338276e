package engineio

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc/panics"

	"github.com/studycall/studycall/websocket"
)

// lastPollWait is how long a peer that closed may take to fetch the answer to its last poll. It sends close and poll side by
// side, so either can come first.
const lastPollWait = time.Second

// Reason is why a connection ended.
type Reason uint8

// The reasons.
const (
	TransportClose Reason = iota + 1 // the peer closed it, or it broke
	PingTimeout                      // the peer did not answer a ping in time
	ServerClose                      // this side closed it
	ParseError                       // the peer sent what is not a packet, or is too large
)

// reasonOf is the reason of a connection whose WebSocket ended with the cause.
func (c *Conn) reasonOf(cause error) Reason {
	var code websocket.CloseCode
	if !errors.As(cause, &code) {
		return TransportClose
	}
	switch code {
	case websocket.TooBig, websocket.NotUTF8, c.server.config.Codes.BadPacket:
		return ParseError
	default:
		return ServerClose
	}
}

// Conn is the connection of one peer, on either transport. All methods may be called concurrently. None of them blocks or calls
// the handler before it returns.
type Conn struct {
	server  *Server
	id      string
	request *http.Request // for accept, then nil
	handler Handler
	done    chan struct{} // closed when the connection ends

	serial      sync.Mutex                     // held while the handler runs: calls come one at a time
	socket      atomic.Pointer[websocket.Conn] // nil while the transport is polling
	lastRequest atomic.Int64                   // when a request last came, in ns since 1970
	pings       atomic.Uint64                  // sent so far

	mu           sync.Mutex
	polling      *polling // nil if the connection began on a WebSocket
	beat         heartbeat
	ended        bool
	reason       Reason    // set with ended
	cause        error     // set with ended
	lastAlive    time.Time // set with ended
	closedCalled bool      // the handler's Closed has returned
	control      websocket.ControlLimit
}

func newConn(s *Server, r *http.Request) *Conn {
	return &Conn{server: s, id: NewID(), request: trimmed(r, s.config.KeepHeaders), done: make(chan struct{})}
}

// NewID creates an id that cannot be guessed: 20 characters of base64url, 120 random bits.
func NewID() string {
	var bits [15]byte
	_, _ = rand.Read(bits[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(bits[:])
}

// ID is the connection's id (sid). It cannot be guessed. The id is a credential: any client that has it can send and receive in the peer's place.
func (c *Conn) ID() string { return c.id }

// Done is closed when the connection ends, before the handler's Closed is called.
func (c *Conn) Done() <-chan struct{} { return c.done }

// LastAlive is when the peer of a connection that has ended was last known to be connected: the time of the close or the break,
// or, after a timeout, of the last byte from the peer.
func (c *Conn) LastAlive() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastAlive
}

// Cause is why a connection has ended, if more is known than the Reason: a websocket.CloseCode if this side closed it, a
// *websocket.PeerClose if the peer sent a close frame.
func (c *Conn) Cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// Pings is how many pings were sent. A ping is counted before it is queued.
func (c *Conn) Pings() uint64 { return c.pings.Load() }

// LastRead is when bytes last came from the peer.
func (c *Conn) LastRead() time.Time {
	last := time.Unix(0, c.lastRequest.Load())
	if socket := c.socket.Load(); socket != nil && socket.LastRead().After(last) {
		return socket.LastRead()
	}
	return last
}

// Send queues messages in order, all or none. If they do not fit into the queue, the connection is closed with Codes.TooSlow. After
// the end Send does nothing.
func (c *Conn) Send(messages ...Message) {
	socket := c.socket.Load()
	if socket == nil {
		socket = c.enqueue(messages)
	}
	switch {
	case socket == nil:
	case len(messages) == 1: // without an allocation
		socket.Send(messages[0].frame)
	default:
		socket.Send(framesOf(messages)...)
	}
}

// SendJoined is Send for any number of messages: in the queue of a WebSocket they count as one.
func (c *Conn) SendJoined(messages ...Message) {
	if socket := c.enqueue(messages); socket != nil {
		socket.Send(websocket.Joined(framesOf(messages)...))
	}
}

// enqueue queues messages for polling. If the connection is on a WebSocket, it returns that instead.
func (c *Conn) enqueue(messages []Message) *websocket.Conn {
	c.mu.Lock()
	if socket := c.socket.Load(); socket != nil {
		c.mu.Unlock()
		return socket
	}
	fits := c.ended || c.polling.add(messages, c.server.config.QueueBytes)
	c.mu.Unlock()
	if !fits {
		c.end(ServerClose, c.server.config.Codes.TooSlow)
	}
	return nil
}

// Close ends the connection from this side, with the code if it is on a WebSocket. Only the first call has an effect.
func (c *Conn) Close(code websocket.CloseCode) { c.end(c.reasonOf(code), code) }

// Run calls f soon, in turn with the calls of the handler. It returns false, without calling f, when the handler's Closed has
// returned.
func (c *Conn) Run(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closedCalled {
		c.server.running.Go(func() {
			c.serial.Lock()
			defer c.serial.Unlock()
			c.guard(f)
		})
	}
	return !c.closedCalled
}

// opening is the data of the open packet (Engine.IO protocol, "Handshake").
type opening struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int64    `json:"pingInterval"` // ms
	PingTimeout  int64    `json:"pingTimeout"`  // ms
	MaxPayload   int64    `json:"maxPayload"`   // bytes
}

// start opens the connection on the WebSocket, or on polling if socket is nil. It is false when the server is closed.
func (c *Conn) start(socket *websocket.Conn) bool {
	config := &c.server.config
	open := opening{
		SID: c.id, Upgrades: []string{}, MaxPayload: config.MaxPayload,
		PingInterval: config.PingInterval.Milliseconds(), PingTimeout: config.PingTimeout.Milliseconds(),
	}
	if socket == nil {
		open.Upgrades = []string{"websocket"}
	}
	text, err := json.Marshal(open)
	if err != nil || !c.server.add(c) {
		return false
	}
	c.lastRequest.Store(time.Now().UnixNano())
	c.serial.Lock()
	defer c.serial.Unlock()
	if socket != nil {
		c.socket.Store(socket)
	}
	c.Send(Message{websocket.Headed("0", text)})
	c.startHeartbeat()
	c.guard(func() { c.handler = c.server.accept(c, c.request) })
	c.request = nil
	return true
}

// receive handles a packet of the peer (Engine.IO protocol, "Packet types"). It is false when the connection has ended.
func (c *Conn) receive(p packet) bool {
	if p.kind != kindMessage && !c.allowControl() {
		c.end(ServerClose, c.server.config.Codes.Flooding)
		return false
	}
	switch p.kind {
	case kindMessage:
		c.serial.Lock()
		defer c.serial.Unlock()
		if c.hasEnded() {
			return false
		}
		c.guard(func() { c.handler.Message(c, p.data, p.binary) })
	case kindPong:
		if c.pong() && c.server.config.Pongs {
			c.callPong()
		}
	case kindClose:
		c.mu.Lock()
		if c.polling != nil {
			c.polling.peerClosed = !c.ended
		}
		c.mu.Unlock()
		c.end(TransportClose, websocket.Normal)
		return false
	case kindPing: // only the server sends pings
		c.end(ParseError, c.server.config.Codes.BadPacket)
		return false
	}
	return true // open, upgrade and noop mean nothing here
}

// callPong calls the handler's Pong, if it has one.
func (c *Conn) callPong() {
	c.serial.Lock()
	defer c.serial.Unlock()
	if handler, ok := c.handler.(PongHandler); ok && !c.hasEnded() {
		c.guard(func() { handler.Pong(c, c.Pings()) })
	}
}

// allowControl counts a packet that is not a message.
func (c *Conn) allowControl() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.control.Allow(time.Now(), websocket.DefaultControls)
}

func (c *Conn) hasEnded() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// end ends the connection. LastAlive is now, or, after a timeout, when the last byte came. See endAt.
func (c *Conn) end(reason Reason, code websocket.CloseCode) {
	lastAlive := time.Now()
	if codes := &c.server.config.Codes; code == codes.PingTimeout || code == codes.TooSlow {
		lastAlive = c.LastRead()
	}
	var cause error
	if reason == ServerClose || reason == ParseError {
		cause = code
	}
	c.endAt(lastAlive, reason, code, cause)
}

// endAt ends the connection and calls the handler's Closed. Only the first call has an effect. It does not wait for Closed, because
// the caller may be the handler, or hold locks that the handler takes.
func (c *Conn) endAt(lastAlive time.Time, reason Reason, code websocket.CloseCode, cause error) {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	c.ended, c.reason, c.cause, c.lastAlive = true, reason, cause, lastAlive
	close(c.done)
	c.stopHeartbeat()
	socket := c.socket.Load()
	expectPoll := false
	if c.polling != nil {
		expectPoll = c.polling.end() && socket == nil
	}
	c.mu.Unlock()
	if socket != nil {
		socket.Close(code)
	}
	if expectPoll {
		time.AfterFunc(lastPollWait, func() { c.server.remove(c) })
	} else {
		c.server.remove(c)
	}
	go c.callClosed()
}

func (c *Conn) callClosed() {
	defer c.server.running.Done()
	c.serial.Lock()
	defer c.serial.Unlock()
	if c.handler != nil { // nil if accept panicked
		c.guard(func() { c.handler.Closed(c, c.reason) })
	}
	c.mu.Lock()
	c.closedCalled = true
	c.mu.Unlock()
}

// guard ends the connection if the handler panics.
func (c *Conn) guard(call func()) {
	if panicked := panics.Try(call); panicked != nil {
		c.server.config.Log.Error("panic in a connection's handler", "panic", panicked.Value, "stack", string(panicked.Stack))
		c.end(ServerClose, websocket.Internal)
	}
}
