package websocket

import (
	"fmt"

	"github.com/gorilla/websocket"
)

// CloseCode is the number with which a connection is closed (RFC 6455, section 7.4; 4000 and up are ours). It tells the
// client why, and whether to connect again. As an error it is the cause of a connection that this side closed.
//
//nolint:errname // a code first of all
type CloseCode uint16

// The codes, in one table; Reconnect says what a client should do about each.
//
//nolint:errname // codes first of all
const (
	Normal      CloseCode = 1000 // either side is done: do not reconnect
	Protocol    CloseCode = 1002 // the frames break RFC 6455: a fault of the client, do not reconnect
	NotUTF8     CloseCode = 1007 // a text message is not UTF-8: do not reconnect
	TooBig      CloseCode = 1009 // a message is over the limit: do not reconnect only to send it again
	Internal    CloseCode = 1011 // a fault of ours: reconnect, with backoff
	Restart     CloseCode = 1012 // this server drains: reconnect now, another one answers
	TooSlow     CloseCode = 4001 // what waited for the client passed the limit: reconnect and ask for the state anew
	RateLimited CloseCode = 4002 // the client sent too much, too fast: reconnect after a minute
	Removed     CloseCode = 4003 // the user may no longer be here: do not reconnect
	BadPacket   CloseCode = 4004 // a message could not be understood: a fault of the client, do not reconnect
	NotJoined   CloseCode = 4005 // by Socket.IO, the client connected and then to no namespace in time: reconnect when needed
	Silent      CloseCode = 4006 // no answer to a ping in time: reconnect
)

// Reconnect says whether a client that was closed with this code should connect again by itself.
func (c CloseCode) Reconnect() bool {
	switch c {
	case Internal, Restart, TooSlow, RateLimited, NotJoined, Silent:
		return true
	default:
		return false
	}
}

// Reason is the text that goes with the code, under 123 bytes as the frame demands.
func (c CloseCode) Reason() string {
	switch c {
	case Normal:
		return "done"
	case Protocol:
		return "protocol error"
	case NotUTF8:
		return "text is not UTF-8"
	case TooBig:
		return "message too big"
	case Internal:
		return "internal error"
	case Restart:
		return "server restarts, reconnect"
	case TooSlow:
		return "too slow, reconnect"
	case RateLimited:
		return "rate limited, reconnect later"
	case Removed:
		return "removed"
	case BadPacket:
		return "bad packet"
	case NotJoined:
		return "nothing asked for in time"
	case Silent:
		return "ping timeout, reconnect"
	default:
		return ""
	}
}

// Error makes the code a cause.
func (c CloseCode) Error() string { return fmt.Sprintf("closed with %d: %s", uint16(c), c.Reason()) }

// payload is what a close frame with the code carries.
func (c CloseCode) payload() []byte { return websocket.FormatCloseMessage(int(c), c.Reason()) }
