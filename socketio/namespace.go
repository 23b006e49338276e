package socketio

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/studycall/studycall/socketio/engineio"
)

// MainNamespace is the namespace of packets that name none.
const MainNamespace = "/"

// Namespace handles the sockets of one namespace. Calls for one connection come one at a time, calls for different connections
// concurrently.
type Namespace interface {
	// Connect decides whether a socket may connect. r is the connection's first HTTP request with few of its headers (see
	// Config.KeepHeaders). auth is the payload of the CONNECT packet, nil if it has none. The client gets a *ConnectError as it is,
	// and any other error as "server error". The transport stays open until the fifth refusal; socket.io-client does not try again.
	// ctx ends with the connection. Nothing may be sent to the socket yet.
	Connect(ctx context.Context, s *Socket, r *http.Request, auth json.RawMessage) error
	// Connected is called when the answer to CONNECT is queued, before any event.
	Connected(s *Socket)
	// Event handles an event of the client. The handler may keep the arguments.
	Event(s *Socket, event string, args Args, ack Ack)
	// Disconnected is called last, exactly once after Connected. A running Event delays it. lastAlive is when the client was last known
	// to be connected: the time of the close or the break, or, after a timeout, of the last byte from the client.
	Disconnected(s *Socket, reason Reason, lastAlive time.Time)
}

// Args are the arguments of an event or an ack.
type Args struct {
	JSON   []json.RawMessage // {"_placeholder":true,"num":N} stands for Binary[N]
	Binary [][]byte          // the packet's attachments
}

// ConnectError refuses a CONNECT. The client gets the fields in connect_error, as err.message and err.data.
type ConnectError struct {
	Message string
	Data    json.RawMessage // nil leaves it out
}

func (e *ConnectError) Error() string { return e.Message }

// Reason is why a socket was disconnected.
type Reason uint8

// The reasons. socket.io-client does not reconnect after ClientDisconnect and ServerDisconnect, and does after the others.
const (
	TransportClose   = Reason(engineio.TransportClose) // the connection was closed by the client or broke
	PingTimeout      = Reason(engineio.PingTimeout)    // the client did not answer a ping in time
	ServerClose      = Reason(engineio.ServerClose)    // this side closed the connection
	ParseError       = Reason(engineio.ParseError)     // the client sent what is not a packet, or is too large
	ClientDisconnect = ParseError + 1                  // the client sent DISCONNECT
	ServerDisconnect = ParseError + 2                  // Socket.Disconnect
)

// String is the name of the reason in logs.
func (r Reason) String() string {
	return [...]string{
		"unknown", "transport close", "ping timeout", "server close", "parse error", "client disconnect", "server disconnect",
	}[r]
}
