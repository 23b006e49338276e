package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"unicode/utf8"
)

// The kinds of packets (Engine.IO protocol, "Packet types"), the first character of each.
const (
	kindOpen    = '0'
	kindClose   = '1'
	kindPing    = '2'
	kindPong    = '3'
	kindMessage = '4'
	kindUpgrade = '5'
	kindNoop    = '6'
	kindBinary  = 'b' // a message of bytes, in base64, where only text can go
)

// separator parts the packets of a polling body.
const separator = 0x1e

var (
	errPacket  = errors.New("not a packet")
	errNotUTF8 = errors.New("the body is not UTF-8")
)

// packet is what the client sent. Data shares memory with what it was decoded from, unless it is binary.
type packet struct {
	kind   byte
	binary bool // a message of bytes
	data   []byte
}

// decodePacket reads a packet from text.
func decodePacket(text []byte) (packet, error) {
	if len(text) == 0 {
		return packet{}, errPacket
	}
	switch kind := text[0]; {
	case kind >= kindOpen && kind <= kindNoop:
		return packet{kind: kind, data: text[1:]}, nil
	case kind == kindBinary:
		data, err := base64.StdEncoding.Strict().AppendDecode(nil, text[1:])
		if err != nil || bytes.ContainsAny(text, "\r\n") { // which the decoder skips
			return packet{}, errPacket
		}
		return packet{kind: kindMessage, binary: true, data: data}, nil
	default:
		return packet{}, errPacket
	}
}

// maxPackets is how many packets a polling body may have: far more than a client that keeps to the limits of its messages
// sends at once, and far fewer than fit into a body.
const maxPackets = 10_000

// decodePayload reads the packets of a polling body.
func decodePayload(body []byte) ([]packet, error) {
	if !utf8.Valid(body) {
		return nil, errNotUTF8
	}
	if bytes.Count(body, []byte{separator}) >= maxPackets {
		return nil, errPacket
	}
	packets := make([]packet, 0, 1+bytes.Count(body, []byte{separator}))
	for text := range bytes.SplitSeq(body, []byte{separator}) {
		p, err := decodePacket(text)
		if err != nil {
			return nil, err
		}
		packets = append(packets, p)
	}
	return packets, nil
}
