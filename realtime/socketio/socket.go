package socketio

import (
	"time"

	"github.com/studycall/studycall/realtime/websocket"
)

// Socket is one client's connection to one namespace. All methods may be called concurrently; none blocks or calls
// back before it returns.
type Socket struct{}

// ID is the socket's id: 20 characters, not guessable, another one than the connection's.
func (s *Socket) ID() string { return "" }

// Send queues a packet that was encoded for this socket's namespace. When it does not fit in the queue the connection is
// closed with websocket.TooSlow; to a socket that is gone it does nothing.
func (s *Socket) Send(p Packet) {}

// Emit sends an event to this socket alone.
func (s *Socket) Emit(event string, args Args) {}

// EmitWithAck sends an event and calls answered once: with the client's answer, or with ErrNoAck when that did not come
// in time or the socket was disconnected. It is called like an event, never while another one is handled.
func (s *Socket) EmitWithAck(event string, args Args, timeout time.Duration, answered func(Args, error)) {
}

// Disconnect tells the client that it is put out of the namespace (socket.io-client does not come back by itself). The
// connection stays open for its other namespaces.
func (s *Socket) Disconnect() {}

// CloseTransport closes the whole connection, with the code if it is on a WebSocket.
func (s *Socket) CloseTransport(code websocket.CloseCode) {}
