package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"unicode/utf8"

	"github.com/studycall/studycall/websocket"
)

// The kinds of packets (Engine.IO protocol, "Packet types"): the first character of each.
const (
	kindOpen    = '0'
	kindClose   = '1'
	kindPing    = '2'
	kindPong    = '3'
	kindMessage = '4'
	kindUpgrade = '5'
	kindNoop    = '6'
	kindBinary  = 'b' // a binary message in base64, in polling bodies
)

const (
	// separator separates the packets of a polling body.
	separator = 0x1e
	// maxPackets is how many packets a polling body may have: far more than a client sends at once that keeps to its message
	// limits, and far fewer than fit into a body.
	maxPackets = 10_000
)

var (
	errPacket  = errors.New("not a packet")
	errNotUTF8 = errors.New("the body is not UTF-8")
)

// Message is encoded once, for either transport and any number of connections. It is immutable.
type Message struct{ frame websocket.Frame }

// Text encodes a text message. It must be valid UTF-8 without the character U+001E, which separates the packets of a polling body.
// The text is the concatenation of the parts, which are copied.
func Text(parts ...[]byte) Message { return Message{websocket.Headed("4", parts...)} }

// Binary encodes a binary message. The data is copied.
func Binary(data []byte) Message { return Message{websocket.Binary(data)} }

// Encoded is the message as a packet of a polling body.
func (m Message) Encoded() []byte { return m.appendTo(nil) }

// appendTo appends the message to a polling body.
func (m Message) appendTo(body []byte) []byte {
	if !m.frame.IsBinary() {
		return append(body, m.frame.Payload()...)
	}
	return base64.StdEncoding.AppendEncode(append(body, kindBinary), m.frame.Payload())
}

// Size is how many bytes the message counts in a queue, the same on either transport.
func (m Message) Size() int { return m.frame.Size() }

// control encodes a packet without data.
func control(kind byte) Message { return Message{websocket.Headed(string(rune(kind)))} }

func framesOf(messages []Message) []websocket.Frame {
	frames := make([]websocket.Frame, len(messages))
	for i, m := range messages {
		frames[i] = m.frame
	}
	return frames
}

// packet is a decoded packet of the peer. Data shares memory with its source, unless it is binary.
type packet struct {
	kind   byte
	binary bool // a binary message
	data   []byte
}

// decodePacket decodes a text packet.
func decodePacket(text []byte) (packet, error) {
	if len(text) == 0 {
		return packet{}, errPacket
	}
	switch kind := text[0]; {
	case kind >= kindOpen && kind <= kindNoop:
		return packet{kind: kind, data: text[1:]}, nil
	case kind == kindBinary:
		data, err := base64.StdEncoding.Strict().AppendDecode(nil, text[1:])
		if err != nil || bytes.ContainsAny(text, "\r\n") { // the decoder skips line breaks
			return packet{}, errPacket
		}
		return packet{kind: kindMessage, binary: true, data: data}, nil
	default:
		return packet{}, errPacket
	}
}

// decodePayload decodes the packets of a polling body.
func decodePayload(body []byte) ([]packet, error) {
	if !utf8.Valid(body) {
		return nil, errNotUTF8
	}
	count := 1 + bytes.Count(body, []byte{separator})
	if count > maxPackets {
		return nil, errPacket
	}
	packets := make([]packet, 0, count)
	for text := range bytes.SplitSeq(body, []byte{separator}) {
		p, err := decodePacket(text)
		if err != nil {
			return nil, err
		}
		packets = append(packets, p)
	}
	return packets, nil
}
