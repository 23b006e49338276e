// Package closecode holds the codes with which the service closes WebSockets for reasons of its own: Socket.IO, plain sockets and
// feeds. A client needs no table: after 4000 to 4499 it may connect again, after 4500 to 4999 it must not. docs/signalling.md
// describes all codes. This package holds only codes.
package closecode

import "github.com/studycall/studycall/websocket"

// After these codes a client may connect again.
//
//nolint:gochecknoglobals,errname // constants: Go has none of struct types
var (
	TooSlow     = websocket.CloseCode{Number: 4001, Text: "too slow, reconnect"}
	RateLimited = websocket.CloseCode{Number: 4002, Text: "rate limited, reconnect later"}
	// Unused closes a Socket.IO connection that connects to no namespace in time.
	Unused      = websocket.CloseCode{Number: 4005, Text: "no namespace connected in time"}
	PingTimeout = websocket.CloseCode{Number: 4006, Text: "ping timeout, reconnect"}
)

// After these codes a client must not connect again.
//
//nolint:gochecknoglobals,errname // constants: Go has none of struct types
var (
	// Removed says that the user may not be connected any more.
	Removed   = websocket.CloseCode{Number: 4503, Text: "removed"}
	BadPacket = websocket.CloseCode{Number: 4504, Text: "bad packet"}
)

// Codes configures a server of sockets with the codes.
func Codes() websocket.Codes {
	return websocket.Codes{
		TooSlow: TooSlow, PingTimeout: PingTimeout, Flooding: RateLimited, BadPacket: BadPacket, Unused: Unused,
	}
}
