package socketio

import (
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/studycall/studycall/socketio/engineio"
	"github.com/studycall/studycall/websocket"
)

// Socket is the connection of one client to one namespace. All methods may be called concurrently. None of them blocks or calls the
// namespace before it returns.
type Socket struct {
	// Data belongs to the namespace, from Connect on. The namespace locks later changes.
	Data any

	namespace string
	handler   Namespace
	id        string
	session   *session // nil if the socket cannot be resumed

	life sync.Mutex // held during calls of Suspended, Resumed and Disconnected; mu may be locked while it is held

	mu        sync.Mutex
	client    *client // the last one, if the socket is not connected
	state     state
	reason    Reason    // set when disconnected
	lastAlive time.Time // set when disconnected
	nextAck   uint64
	acks      map[uint64]pendingAck
}

// Connection is shared by all sockets of one client, also those that have left or were refused.
type Connection struct {
	// Data belongs to the namespaces, from the first Connect on. It holds what must outlive a socket, such as a rate limit. Methods of
	// the namespaces may use it without a lock.
	Data any
}

// state is the state of a socket. Only a suspended socket goes back to an earlier state.
type state uint8

const (
	connecting   state = iota // Connect has not returned
	connected                 // packets are sent and received
	suspended                 // the connection broke; kept packets wait for the client
	disconnected              // packets are ignored in both directions
	notified                  // Disconnected was called
)

func newSocket(c *client, namespace string, handler Namespace) *Socket {
	return &Socket{client: c, namespace: namespace, handler: handler, id: engineio.NewID()}
}

// ID is the socket's id: 20 characters that cannot be guessed. It differs from the connection's id.
func (s *Socket) ID() string { return s.id }

// Connection is the connection of the socket's client.
func (s *Socket) Connection() *Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &s.client.connection
}

// Send queues a packet that was encoded for the socket's namespace. If it does not fit into the queue, the connection is closed with
// Codes.TooSlow. If the socket is disconnected, Send does nothing. If it is suspended, the packet waits for the client, provided that
// it is one that is kept (see Recovery).
func (s *Socket) Send(p Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == connected { // under the lock, so that no packet follows a DISCONNECT
		s.client.conn.Send(p.messages...)
	}
	if p.offset != "" && s.session != nil && (s.state == connected || s.state == suspended) {
		pings := uint64(0)
		if s.state == connected {
			pings = s.client.conn.Pings() // after the packet was queued
		}
		recovery := &s.client.server.config.Recovery
		s.session.kept.add(p, pings, recovery.MaxPackets, recovery.MaxBytes)
	}
}

// Emit sends an event to this socket. The packet is kept if the socket can be resumed.
func (s *Socket) Emit(event string, args Args) {
	s.Send(s.server().EncodeEvent(s.namespace, event, args))
}

func (s *Socket) server() *Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client.server
}

// Disconnect sends DISCONNECT (socket.io-client does not reconnect by itself) and disconnects the socket. The connection stays open
// for other namespaces. A suspended socket cannot be resumed any more. No caller but tests needs it yet; it completes the protocol.
func (s *Socket) Disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state {
	case connected:
		s.state, s.reason, s.lastAlive = disconnected, ServerDisconnect, time.Now()
		s.client.conn.Send(encodePlain(kindDisconnect, s.namespace, nil).messages...)
		s.client.conn.Run(s.notify)
	case suspended: // reason and lastAlive stay those of the break
		s.state = disconnected
		go s.notifyAlone()
	default:
	}
}

// CloseTransport closes the whole connection, with the code if it is on a WebSocket. A suspended socket is disconnected if the code is
// final (see Recovery).
func (s *Socket) CloseTransport(code websocket.CloseCode) {
	s.mu.Lock()
	c, was := s.client, s.state
	s.mu.Unlock()
	switch {
	case was != suspended:
		c.conn.Close(code)
	case c.server.isFinalCode(code):
		s.Disconnect()
	}
}

// disconnect ends a connected socket and calls Disconnected.
func (s *Socket) disconnect(reason Reason, lastAlive time.Time) {
	s.mu.Lock()
	if s.state == connected {
		s.state, s.reason, s.lastAlive = disconnected, reason, lastAlive
	}
	s.mu.Unlock()
	s.notify()
}

// notify calls Disconnected, once after the socket was disconnected, and fails the pending acks.
func (s *Socket) notify() {
	s.life.Lock()
	defer s.life.Unlock()
	s.mu.Lock()
	if s.state != disconnected {
		s.mu.Unlock()
		return
	}
	s.state = notified
	pending := s.takeAcks()
	if s.session != nil {
		s.session.kept = kept{}
		if s.session.timer != nil {
			s.session.timer.Stop()
		}
		defer s.client.server.unregister(s) // after Disconnected: Server.Close waits for it
	}
	s.mu.Unlock()
	failAcks(pending)
	s.handler.Disconnected(s, s.reason, s.lastAlive)
}

func (s *Socket) isConnected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == connected
}

// Ack answers an event of the client. The zero value answers nothing. Send may be called from any goroutine, once.
type Ack struct {
	socket *Socket
	id     uint64
}

// Wanted reports whether the client asked for an ack.
func (a Ack) Wanted() bool { return a.socket != nil }

// Send sends the ack if it is wanted. Each argument must be valid JSON.
func (a Ack) Send(args ...json.RawMessage) { a.SendArgs(Args{JSON: args}) }

// SendArgs is Send with attachments.
func (a Ack) SendArgs(args Args) {
	if a.socket != nil {
		a.socket.Send(encode(kindAck, a.socket.namespace, strconv.FormatUint(a.id, 10), "", "", args))
	}
}

// ErrNoAck says that the client did not send an ack.
var ErrNoAck = errors.New("the client sent no ack")

// pendingAck is an ack that the client has not sent yet.
type pendingAck struct {
	done  func(Args, error)
	timer *time.Timer
}

// takeAcks removes and returns the pending acks. The caller holds the mutex.
func (s *Socket) takeAcks() map[uint64]pendingAck {
	pending := s.acks
	s.acks = nil
	return pending
}

func failAcks(pending map[uint64]pendingAck) {
	for _, ack := range pending {
		ack.timer.Stop()
		ack.done(Args{}, ErrNoAck)
	}
}

// EmitWithAck sends an event and calls done once: with the client's ack, or with ErrNoAck when none came within the timeout or the
// socket was disconnected. The call is made in turn with the namespace's calls. No caller but tests needs acks of clients yet; they
// complete the protocol.
func (s *Socket) EmitWithAck(event string, args Args, timeout time.Duration, done func(Args, error)) {
	s.mu.Lock()
	c := s.client
	if s.state != connected {
		s.mu.Unlock()
		fail := func() { done(Args{}, ErrNoAck) }
		if c.conn == nil || !c.conn.Run(fail) {
			go fail()
		}
		return
	}
	id := s.nextAck
	s.nextAck++
	if s.acks == nil {
		s.acks = map[uint64]pendingAck{}
	}
	s.acks[id] = pendingAck{done, time.AfterFunc(timeout, func() {
		c.conn.Run(func() { s.acked(id, Args{}, ErrNoAck) })
	})}
	s.mu.Unlock()
	s.Send(encode(kindEvent, s.namespace, strconv.FormatUint(id, 10), event, "", args))
}

// awaits reports whether the ack with the id is pending.
func (s *Socket) awaits(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, pending := s.acks[id]
	return pending
}

// acked ends a pending ack.
func (s *Socket) acked(id uint64, args Args, err error) {
	s.mu.Lock()
	ack, pending := s.acks[id]
	delete(s.acks, id)
	s.mu.Unlock()
	if pending {
		ack.timer.Stop()
		ack.done(args, err)
	}
}
