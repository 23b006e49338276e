package websocket

import (
	"cmp"
	"fmt"

	"github.com/gorilla/websocket"
)

// CloseCode is the number and the text of a close frame (RFC 6455, section 7.4). Numbers from 4000 to 4999 are free for
// applications. The text has at most 123 bytes. As an error, a CloseCode is the cause of a connection that this side closed.
//
//nolint:errname // first of all a code
type CloseCode struct {
	Number int
	Text   string
}

// The codes of RFC 6455 and of IANA's registry that this side sends.
//
//nolint:gochecknoglobals,errname // constants: Go has none of struct types
var (
	Normal   = CloseCode{1000, "done"}
	Protocol = CloseCode{1002, "protocol error"}
	NotUTF8  = CloseCode{1007, "text is not UTF-8"}
	TooBig   = CloseCode{1009, "message too big"}
	Internal = CloseCode{1011, "internal error"}
	Restart  = CloseCode{1012, "server restarts, reconnect"}
)

// Codes are the close codes for conditions that RFC 6455 has no code of its own for. An application may set codes of its own.
// Zero values take the defaults in brackets.
type Codes struct {
	TooSlow     CloseCode // the queue of the peer is full, or a write timed out [1013]
	PingTimeout CloseCode // the peer did not answer a ping in time [1008]
	Flooding    CloseCode // the peer sent too many control frames or packets [1008]

	// The next two are for protocols on top of this package.
	BadPacket CloseCode // the peer sent a message that is not valid in the protocol [1008]
	Unused    CloseCode // the peer did not begin to use its connection in time [1008]
}

// WithDefaults replaces zero values.
func (c Codes) WithDefaults() Codes {
	return Codes{
		TooSlow:     cmp.Or(c.TooSlow, CloseCode{1013, "too slow, reconnect"}),
		PingTimeout: cmp.Or(c.PingTimeout, CloseCode{1008, "ping timeout, reconnect"}),
		Flooding:    cmp.Or(c.Flooding, CloseCode{1008, "rate limited, reconnect later"}),
		BadPacket:   cmp.Or(c.BadPacket, CloseCode{1008, "bad packet"}),
		Unused:      cmp.Or(c.Unused, CloseCode{1008, "connection not used in time"}),
	}
}

// Error implements error.
func (c CloseCode) Error() string { return fmt.Sprintf("closed with %d: %s", c.Number, c.Text) }

// payload is the content of the close frame.
func (c CloseCode) payload() []byte { return websocket.FormatCloseMessage(c.Number, c.Text) }
