package socketio

import "github.com/studycall/studycall/socketio/engineio"

// Reason is why a socket was disconnected.
type Reason uint8

// The reasons. ClientDisconnect and ServerDisconnect are meant to last: socket.io-client does not reconnect. After
// the others it does.
const (
	ClientDisconnect Reason = iota + 1 // the client said so, with DISCONNECT
	ServerDisconnect                   // Socket.Disconnect
	TransportClose                     // the connection was closed or broke
	PingTimeout                        // the client did not answer a ping in time
	ServerClose                        // this side closed the connection: drain, too slow, rate limited
	ParseError                         // the client sent what cannot be understood
)

// String is the name that goes into logs.
func (r Reason) String() string {
	switch r {
	case ClientDisconnect:
		return "client disconnect"
	case ServerDisconnect:
		return "server disconnect"
	case TransportClose:
		return "transport close"
	case PingTimeout:
		return "ping timeout"
	case ServerClose:
		return "server close"
	case ParseError:
		return "parse error"
	default:
		return "unknown"
	}
}

// reasonOf tells from why a connection ended why its sockets did.
func reasonOf(reason engineio.Reason) Reason {
	switch reason {
	case engineio.PingTimeout:
		return PingTimeout
	case engineio.ServerClose:
		return ServerClose
	case engineio.ParseError:
		return ParseError
	default:
		return TransportClose
	}
}
