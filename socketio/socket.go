package socketio

import (
	"sync"
	"time"

	"github.com/studycall/studycall/socketio/engineio"
	"github.com/studycall/studycall/websocket"
)

// Socket is one client's connection to one namespace. All methods may be called concurrently; none blocks or calls
// back before it returns.
type Socket struct {
	// Data is the namespace's, to keep what it knows of the socket, from Connect on. Who writes it later sees to the
	// locking.
	Data any

	client    *client
	namespace string
	handler   Namespace
	id        string

	mu      sync.Mutex
	state   state
	reason  Reason    // why it is gone
	there   time.Time // until when the client was there, if it is gone
	lastAck uint64
	asked   map[uint64]asked
}

// Connection is what all sockets of one client have in common, those that it left and those that were refused included.
type Connection struct {
	// Data is the namespaces', from the first Connect on: to count what must not begin anew with each CONNECT, for one. It may
	// be used while one of their methods runs.
	Data any
}

// state is how far a socket's life has come.
type state uint8

const (
	connecting state = iota // its namespace has not said yes
	connected
	gone // nothing is sent any more, and what comes is ignored
	told // the namespace knows that it is gone
)

func newSocket(c *client, namespace string, handler Namespace) *Socket {
	return &Socket{client: c, namespace: namespace, handler: handler, id: engineio.NewID()}
}

// ID is the socket's id: 20 characters, not guessable, another one than the connection's.
func (s *Socket) ID() string { return s.id }

// Connection is the same for all sockets of this client.
func (s *Socket) Connection() *Connection { return &s.client.connection }

// Send queues a packet that was encoded for this socket's namespace. When it does not fit in the queue the connection is
// closed with websocket.TooSlow; to a socket that is gone it does nothing.
func (s *Socket) Send(p Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == connected { // under the lock, so that nothing follows a DISCONNECT
		s.client.conn.Send(p.messages...)
	}
}

// Emit sends an event to this socket alone.
func (s *Socket) Emit(event string, args Args) { s.Send(EncodeArgs(s.namespace, event, args)) }

// Disconnect tells the client that it is put out of the namespace (socket.io-client does not come back by itself). The
// connection stays open for its other namespaces.
func (s *Socket) Disconnect() {
	if s.leave(time.Now(), ServerDisconnect, encodePlain(kindDisconnect, s.namespace, nil).messages...) {
		s.client.conn.Run(s.tell)
	}
}

// CloseTransport closes the whole connection, with the code if it is on a WebSocket.
func (s *Socket) CloseTransport(code websocket.CloseCode) { s.client.conn.Close(code) }

// leave makes a connected socket gone, which was there until the given time, with last words to the client. It is false for
// any other.
func (s *Socket) leave(there time.Time, reason Reason, words ...engineio.Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != connected {
		return false
	}
	s.state, s.reason, s.there = gone, reason, there
	if len(words) > 0 {
		s.client.conn.Send(words...)
	}
	return true
}

// tell has the namespace know, once, that the socket is gone, and all who wait for answers that there will be none.
func (s *Socket) tell() {
	s.mu.Lock()
	first := s.state == gone
	if first {
		s.state = told
	}
	unanswered := s.asked
	s.asked = nil
	s.mu.Unlock()
	if !first {
		return
	}
	for _, waiting := range unanswered {
		waiting.timer.Stop()
		waiting.answered(Args{}, ErrNoAck)
	}
	s.handler.Disconnected(s, s.reason, s.there)
}

// is says how far the socket's life has come.
func (s *Socket) is() state {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}
