package socketio

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Namespace is what a server does for the sockets of one namespace. One value serves all its sockets: calls for one
// connection come one at a time, those for different connections concurrently.
type Namespace interface {
	// Connect decides whether the socket may connect. r is the connection's first HTTP request, with those of its headers that
	// say who is calling, auth the payload of the CONNECT packet, nil if there was none. A *ConnectError is told to the client
	// as it is, any other error as "server error"; the transport stays open until the fifth refusal, and socket.io-client does
	// not try again. ctx ends with the connection.
	// Nothing may be sent to the socket yet.
	Connect(ctx context.Context, s *Socket, r *http.Request, auth json.RawMessage) error
	// Connected comes when the client's answer has been queued, before any event.
	Connected(s *Socket)
	// Event is an event of the client's. What it gets may be kept.
	Event(s *Socket, event string, args Args, ack Ack)
	// Disconnected comes last, exactly once after Connected; an event that is being handled may have held it up. lastThere is
	// until when the client was there: until either side said so, or the connection was seen to break; but of a client that
	// fell silent, or took nothing any more, until it was last heard.
	Disconnected(s *Socket, reason Reason, lastThere time.Time)
}

// Args are the arguments of an event or an ack.
type Args struct {
	JSON   []json.RawMessage // each as it came; {"_placeholder":true,"num":N} stands for Binary[N]
	Binary [][]byte          // the packet's attachments
}

// ConnectError refuses a CONNECT; the client gets its fields (CONNECT_ERROR) as connect_error's err.message and err.data.
type ConnectError struct {
	Message string
	Data    json.RawMessage // nil leaves it out
}

func (e *ConnectError) Error() string { return e.Message }
