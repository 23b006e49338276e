package engineio

import (
	"errors"

	"github.com/studycall/studycall/websocket"
)

// Reason is why a connection ended.
type Reason uint8

// The reasons.
const (
	TransportClose Reason = iota + 1 // the client closed it, or it broke
	PingTimeout                      // the client did not answer a ping in time
	ServerClose                      // this side closed it
	ParseError                       // the client sent what cannot be understood, or more than is taken
)

// reasonOf tells from why a WebSocket ended why the connection did.
func reasonOf(cause error) Reason {
	var code websocket.CloseCode
	if !errors.As(cause, &code) {
		return TransportClose
	}
	switch code {
	case websocket.TooBig, websocket.NotUTF8, websocket.BadPacket:
		return ParseError
	default:
		return ServerClose
	}
}
