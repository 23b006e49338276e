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

	client    *client
	namespace string
	handler   Namespace
	id        string

	mu        sync.Mutex
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

// state is the state of a socket. States only increase.
type state uint8

const (
	connecting   state = iota // Connect has not returned
	connected                 // packets are sent and received
	disconnected              // packets are ignored in both directions
	notified                  // Disconnected was called
)

func newSocket(c *client, namespace string, handler Namespace) *Socket {
	return &Socket{client: c, namespace: namespace, handler: handler, id: engineio.NewID()}
}

// ID is the socket's id: 20 characters that cannot be guessed. It differs from the connection's id.
func (s *Socket) ID() string { return s.id }

// Connection is the connection of the socket's client.
func (s *Socket) Connection() *Connection { return &s.client.connection }

// Send queues a packet that was encoded for the socket's namespace. If it does not fit into the queue, the connection is closed with
// Codes.TooSlow. If the socket is disconnected, Send does nothing.
func (s *Socket) Send(p Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == connected { // under the lock, so that no packet follows a DISCONNECT
		s.client.conn.Send(p.messages...)
	}
}

// Emit sends an event to this socket.
func (s *Socket) Emit(event string, args Args) { s.Send(EncodeEvent(s.namespace, event, args)) }

// Disconnect sends DISCONNECT (socket.io-client does not reconnect by itself) and disconnects the socket. The connection stays open
// for other namespaces. No caller but tests needs it yet; it completes the protocol.
func (s *Socket) Disconnect() {
	if s.disconnect(time.Now(), ServerDisconnect, encodePlain(kindDisconnect, s.namespace, nil).messages...) {
		s.client.conn.Run(s.notify)
	}
}

// CloseTransport closes the whole connection, with the code if it is on a WebSocket.
func (s *Socket) CloseTransport(code websocket.CloseCode) { s.client.conn.Close(code) }

// disconnect ends a connected socket, and sends it last messages. It is false if the socket was not connected.
func (s *Socket) disconnect(lastAlive time.Time, reason Reason, last ...engineio.Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != connected {
		return false
	}
	s.state, s.reason, s.lastAlive = disconnected, reason, lastAlive
	if len(last) > 0 {
		s.client.conn.Send(last...)
	}
	return true
}

// notify calls Disconnected, once after the socket was disconnected, and fails the pending acks.
func (s *Socket) notify() {
	s.mu.Lock()
	first := s.state == disconnected
	if first {
		s.state = notified
	}
	pending := s.acks
	s.acks = nil
	s.mu.Unlock()
	if !first {
		return
	}
	for _, ack := range pending {
		ack.timer.Stop()
		ack.done(Args{}, ErrNoAck)
	}
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
		a.socket.Send(encode(kindAck, a.socket.namespace, strconv.FormatUint(a.id, 10), "", args))
	}
}

// ErrNoAck says that the client did not send an ack.
var ErrNoAck = errors.New("the client sent no ack")

// pendingAck is an ack that the client has not sent yet.
type pendingAck struct {
	done  func(Args, error)
	timer *time.Timer
}

// EmitWithAck sends an event and calls done once: with the client's ack, or with ErrNoAck when none came within the timeout or the
// socket was disconnected. The call is made in turn with the namespace's calls. No caller but tests needs acks of clients yet; they
// complete the protocol.
func (s *Socket) EmitWithAck(event string, args Args, timeout time.Duration, done func(Args, error)) {
	s.mu.Lock()
	if s.state != connected {
		s.mu.Unlock()
		fail := func() { done(Args{}, ErrNoAck) }
		if !s.client.conn.Run(fail) {
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
		s.client.conn.Run(func() { s.acked(id, Args{}, ErrNoAck) })
	})}
	s.mu.Unlock()
	s.Send(encode(kindEvent, s.namespace, strconv.FormatUint(id, 10), event, args))
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
