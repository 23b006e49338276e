package engineio

import (
	"encoding/base64"

	"github.com/studycall/studycall/websocket"
)

// Message is encoded once, for either transport and any number of connections. It is never changed.
type Message struct{ frame websocket.Frame }

// Text is a message of text, which must be valid UTF-8 and must not hold the character U+001E, which parts the packets
// of a polling body. It copies the parts, one after the other.
func Text(parts ...[]byte) Message { return Message{websocket.Headed("4", parts...)} }

// Binary is a message of bytes. It copies them.
func Binary(data []byte) Message { return Message{websocket.Binary(data)} }

// Encoded is the message as it stands in a polling body.
func (m Message) Encoded() []byte { return m.appendTo(nil) }

// appendTo adds the message to a polling body.
func (m Message) appendTo(body []byte) []byte {
	if !m.frame.IsBinary() {
		return append(body, m.frame.Payload()...)
	}
	return base64.StdEncoding.AppendEncode(append(body, kindBinary), m.frame.Payload())
}

// size is how much the message takes while it waits, in bytes: no less than a WebSocket's queue counts for it.
func (m Message) size() int { return m.frame.Size() }

// control is a packet without data, in either transport's form.
func control(kind byte) Message { return Message{websocket.Headed(string(rune(kind)))} }

func framesOf(messages []Message) []websocket.Frame {
	frames := make([]websocket.Frame, len(messages))
	for i, m := range messages {
		frames[i] = m.frame
	}
	return frames
}
