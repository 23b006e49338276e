package socketio

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/sourcegraph/conc/panics"

	"github.com/studycall/studycall/rawjson"
	"github.com/studycall/studycall/socketio/engineio"
	"github.com/studycall/studycall/websocket"
)

// Recovery configures connection state recovery: a client whose connection broke resumes its socket on a new connection, with the
// same id, and receives the packets that it missed. socket.io-client does so from version 4.6 on; older clients ignore it. Only
// namespaces that implement RecoveryNamespace take part.
//
//	            DISCONNECT · close 1000 · close 1001 without text · Final · ParseError
//	connected ────────────────────────────────────────────────────────────────────────▶ disconnected
//	   │  ▲ any other end                                                                     ▲
//	   ▼  │ CONNECT with the pid                                          Window · Disconnect │
//	suspended ────────────────────────────────────────────────────────────────────────────────┘
//
// Packets of Server.EncodeEvent and Server.EncodeJoined are kept until the client has answered a later ping. Packets of the functions
// EncodeEvent and EncodeJoined, acks, and events that ask for an ack are not kept.
type Recovery struct {
	Window     time.Duration // how long a suspended socket may be resumed [0: no recovery]
	MaxPackets int           // packets kept for one socket; when there are more, the oldest are dropped [1024]
	MaxBytes   int           // bytes of those packets [1 MiB]
	// Final reports whether a close code of the application ends the sockets of the connection for good. nil: none does.
	Final func(websocket.CloseCode) bool
}

// RecoveryNamespace is a Namespace whose sockets can be resumed. For a socket, calls of these methods and of Disconnected come one
// at a time.
type RecoveryNamespace interface {
	Namespace
	// Suspended is called when the connection of a socket ended, but not for good, or when its client has come on a new connection before
	// the end of the old one was noticed. From then on, kept packets wait for the client. Next comes Resumed, or Disconnected with the
	// same reason and lastAlive.
	Suspended(s *Socket, reason Reason, lastAlive time.Time)
	// Find is called for a pid that this server does not know. A namespace that finds its session in a shared store calls Server.Adopt. An
	// error refuses the CONNECT.
	Find(ctx context.Context, key SessionKey) error
	// Resume decides whether a socket may be resumed. It must check who is calling as Connect does: the socket may belong to somebody
	// else, and may still be connected. ErrNotResumed makes the CONNECT a new session's, which Connect decides on. Any other error
	// refuses the CONNECT. Resume must not change the socket.
	Resume(ctx context.Context, s *Socket, r *http.Request, auth json.RawMessage) error
	// Resumed is called when the missed packets and the answer to CONNECT are queued, before any event.
	Resumed(s *Socket, resumption Resumption)
}

// Resumption is how a socket was resumed.
type Resumption struct {
	// Complete reports whether the client receives every kept packet that it missed: none was dropped.
	Complete bool
	// LastAlive is when the client was last known to be connected before.
	LastAlive time.Time
}

// ErrNotResumed says that the client gets a new session.
var ErrNotResumed = errors.New("the session is not resumed")

// SessionKey is the SHA-256 of a session's pid. It identifies the session and, unlike the pid, may be stored.
type SessionKey [sha256.Size]byte

// session is what a socket has that can be resumed. Socket.mu guards kept, timer and windows.
type session struct {
	namespace RecoveryNamespace
	key       SessionKey
	kept      kept
	timer     *time.Timer // of the last window
	windows   int         // how often the socket was suspended
}

// newPID makes a pid: 32 characters, 192 random bits. The pid is a credential: any client that has it can resume the session.
func newPID() string {
	var bits [24]byte
	_, _ = rand.Read(bits[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(bits[:])
}

func keyOf(pid string) SessionKey { return sha256.Sum256([]byte(pid)) }

// recovers returns the namespace if its sockets can be resumed, or nil.
func (s *Server) recovers(namespace string) RecoveryNamespace {
	if s.config.Recovery.Window == 0 {
		return nil
	}
	recovery, _ := s.namespaces[namespace].(RecoveryNamespace)
	return recovery
}

// offsetFor makes the offset of a packet in the namespace, "" if its sockets cannot be resumed.
func (s *Server) offsetFor(namespace string) string {
	if s.recovers(namespace) == nil {
		return ""
	}
	return s.offsets.next()
}

// EncodeEvent is the function EncodeEvent, for a packet that is kept. If the namespace's sockets can be resumed, the event has its
// offset as an additional last argument, a string. Clients without recovery get that, too.
func (s *Server) EncodeEvent(namespace, event string, args Args) Packet {
	return encode(kindEvent, namespace, "", event, s.offsetFor(namespace), args)
}

// EncodeJoined is the function EncodeJoined, for a packet that is kept. See EncodeEvent.
func (s *Server) EncodeJoined(namespace, event string, parts ...[]byte) Packet {
	return encodeJoined(namespace, event, s.offsetFor(namespace), parts)
}

// Adopt creates a suspended socket for a session of another server. The client with the key's pid may resume it within the window, which
// begins now. If the server knows the session already, Adopt returns its socket and false. It fails for a namespace without recovery,
// and when the server is closed: the socket is nil.
func (s *Server) Adopt(namespace, id string, key SessionKey, data any, lastAlive time.Time) (socket *Socket, adopted bool) {
	recovery := s.recovers(namespace)
	if recovery == nil {
		return nil, false
	}
	socket = &Socket{
		Data: data, client: &client{server: s}, namespace: namespace, handler: recovery, id: id,
		session: &session{namespace: recovery, key: key}, state: suspended, reason: TransportClose, lastAlive: lastAlive,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.sessions[key]; known != nil || s.closed {
		return known, false
	}
	s.sessions[key] = socket
	socket.mu.Lock()
	defer socket.mu.Unlock()
	socket.startWindow()
	return socket, true
}

// SessionKey is the key of the socket's session. It is false if the socket cannot be resumed.
func (s *Socket) SessionKey() (SessionKey, bool) {
	if s.session == nil {
		return SessionKey{}, false
	}
	return s.session.key, true
}

// register makes the session of a new socket known.
func (s *Server) register(socket *Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[socket.session.key] = socket
}

func (s *Server) unregister(socket *Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[socket.session.key] == socket {
		delete(s.sessions, socket.session.key)
	}
}

// find returns the socket with the key in the namespace, or nil.
func (s *Server) find(namespace string, key SessionKey) *Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	if socket := s.sessions[key]; socket != nil && socket.namespace == namespace {
		return socket
	}
	return nil
}

// isFinal reports whether a connection that ended so ends its sockets for good.
func (s *Server) isFinal(reason Reason, cause error) bool {
	if s.isClosed() || reason == ParseError {
		return true
	}
	var peer *websocket.PeerClose
	if errors.As(cause, &peer) { // browsers send 1001 without a text when a page is closed; proxies send a text with it
		return peer.Code == websocket.Normal.Number || peer.Code == goingAway && peer.Text == ""
	}
	var code websocket.CloseCode
	return errors.As(cause, &code) && s.isFinalCode(code)
}

// goingAway is the close code of a page that is closed (RFC 6455, section 7.4.1).
const goingAway = 1001

func (s *Server) isFinalCode(code websocket.CloseCode) bool {
	switch code {
	case websocket.Normal, websocket.Protocol, websocket.NotUTF8, websocket.TooBig, s.config.Codes.BadPacket:
		return true
	default:
		return s.config.Recovery.Final != nil && s.config.Recovery.Final(code)
	}
}

// end disconnects a socket of the client because the connection ended, or suspends it.
func (c *client) end(s *Socket, reason Reason, cause error, lastAlive time.Time) {
	if s.session == nil || c.server.isFinal(reason, cause) {
		s.disconnect(reason, lastAlive)
	} else {
		s.suspend(reason, lastAlive)
	}
}

// suspend suspends a connected socket and fails its pending acks.
func (s *Socket) suspend(reason Reason, lastAlive time.Time) {
	s.life.Lock()
	defer s.life.Unlock()
	s.mu.Lock()
	if s.state != connected { // Disconnect was called
		s.mu.Unlock()
		return
	}
	s.state, s.reason, s.lastAlive = suspended, reason, lastAlive
	s.startWindow()
	pending := s.takeAcks()
	s.mu.Unlock()
	failAcks(pending)
	s.session.namespace.Suspended(s, reason, lastAlive)
}

// startWindow starts the timer that disconnects the socket. The caller holds the mutex.
func (s *Socket) startWindow() {
	s.session.windows++
	window := s.session.windows
	s.session.timer = time.AfterFunc(s.client.server.config.Recovery.Window, func() { s.expire(window) })
}

// expire disconnects a socket that is still suspended since the window with the number began; 0 is any.
func (s *Socket) expire(window int) {
	s.mu.Lock()
	if s.state == suspended && (window == 0 || window == s.session.windows) {
		s.state = disconnected
	}
	s.mu.Unlock()
	s.notifyAlone()
}

// notifyAlone is notify for a goroutine of this package, in which a panic of the namespace would end the process.
func (s *Socket) notifyAlone() {
	if panicked := panics.Try(s.notify); panicked != nil {
		s.server().config.Log.Error("panic in Disconnected", "panic", panicked.Value, "stack", string(panicked.Stack))
	}
}

// resume resumes the session of the pid in auth, if there is one. It is false if the CONNECT is to begin a new session.
func (c *client) resume(namespace string, recovery RecoveryNamespace, auth json.RawMessage) bool {
	pid, offset := resumed(auth)
	if pid == "" {
		return false
	}
	key, ok := keyOf(pid), false
	err := c.withContext(func(ctx context.Context) error {
		s := c.server.find(namespace, key)
		if s == nil {
			if err := recovery.Find(ctx, key); err != nil {
				return err
			}
			if s = c.server.find(namespace, key); s == nil {
				return ErrNotResumed
			}
		}
		if err := recovery.Resume(ctx, s, c.request, auth); err != nil {
			return err
		}
		ok = c.takeOver(ctx, s, pid, offset)
		return nil
	})
	switch {
	case errors.Is(err, ErrNotResumed):
		return false
	case err != nil:
		c.refuse(namespace, err)
		return true
	}
	return ok
}

// resumed reads what socket.io-client adds to the payload of a CONNECT: pid and offset, "" if there is none.
func resumed(auth json.RawMessage) (pid, offset string) {
	_ = rawjson.Object(auth, func(name string, value json.RawMessage) { // without a payload, or of another kind, both stay ""
		switch name {
		case "pid":
			pid, _ = rawjson.String(value)
		case "offset":
			offset, _ = rawjson.String(value)
		}
	})
	return pid, offset
}

// takeOver moves a socket to this client. A connection that still has it is sent DISCONNECT first, so that its client does not take
// the session back, and its handler is awaited. It is false if the session or ctx ended meanwhile. The loop repeats when another
// connection has resumed the session at the same time.
func (c *client) takeOver(ctx context.Context, s *Socket, pid, offset string) bool {
	for ctx.Err() == nil && !s.hasEnded() {
		if old := s.connection(); old != nil {
			old.release(ctx, s)
		}
		if c.attach(s, pid, offset) {
			return true
		}
	}
	return false
}

func (s *Socket) hasEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == disconnected || s.state == notified
}

// connection is the client to which the socket is connected, or nil.
func (s *Socket) connection() *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != connected {
		return nil
	}
	return s.client
}

// release suspends a socket of the client, in turn with its handler, and waits for that until ctx ends.
func (c *client) release(ctx context.Context, s *Socket) {
	released := make(chan struct{})
	waiting := c.conn.Run(func() {
		defer close(released)
		if c.find(s.namespace) != s || s.connection() != c {
			return
		}
		c.conn.Send(encodePlain(kindDisconnect, s.namespace, nil).messages...)
		c.remove(s)
		s.suspend(TransportClose, c.conn.LastRead())
		// In its place, for packets of the client that crossed with the DISCONNECT.
		c.sockets = append(c.sockets, &Socket{client: c, namespace: s.namespace, state: notified})
	})
	if !waiting { // the connection has ended and does not have the socket any more
		return
	}
	select {
	case <-released:
	case <-ctx.Done():
	}
}

// attach resumes a suspended socket on this client.
func (c *client) attach(s *Socket, pid, offset string) bool {
	s.life.Lock()
	defer s.life.Unlock()
	s.mu.Lock()
	if s.state != suspended {
		s.mu.Unlock()
		return false
	}
	s.session.timer.Stop()
	messages, complete := s.session.kept.resume(offset)
	s.client, s.state = c, connected
	c.conn.SendJoined(append(messages, connectAnswer(s, pid).messages...)...)
	s.session.kept.queuedAgain(c.conn.Pings())
	resumption := Resumption{Complete: complete, LastAlive: s.lastAlive}
	s.mu.Unlock()
	c.enter(s)
	s.session.namespace.Resumed(s, resumption)
	return true
}

// Pong implements engineio.PongHandler.
func (c *client) Pong(_ *engineio.Conn, ping uint64) {
	for _, s := range c.sockets {
		if s.session != nil {
			s.mu.Lock()
			s.session.kept.answered(ping)
			s.mu.Unlock()
		}
	}
}
