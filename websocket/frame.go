package websocket

import "encoding/binary"

const (
	textFrame   = 0x81 // first byte of an unfragmented text frame (RFC 6455, section 5.2)
	binaryFrame = 0x82
	closeFrame  = 0x88
)

// Frame is a message, encoded once as it is sent (RFC 6455, section 5.2: final, unmasked), for any number of connections. It is
// immutable.
type Frame struct {
	wire   []byte
	header int // bytes before the payload
}

// Text encodes a text message. The text is the concatenation of the parts, which are copied. It must be valid UTF-8.
func Text(parts ...[]byte) Frame { return encode(textFrame, "", parts) }

// Headed is Text with a prefix.
func Headed(prefix string, parts ...[]byte) Frame { return encode(textFrame, prefix, parts) }

// Binary encodes a binary message. The data is copied.
func Binary(data []byte) Frame { return encode(binaryFrame, "", [][]byte{data}) }

// Joined combines frames into one value that a queue counts as one frame. Payload is empty.
func Joined(frames ...Frame) Frame {
	size := 0
	for _, frame := range frames {
		size += frame.Size()
	}
	wire := make([]byte, 0, size)
	for _, frame := range frames {
		wire = append(wire, frame.wire...)
	}
	return Frame{wire, size}
}

// Size is the number of bytes that are sent, with the frame's header.
func (f Frame) Size() int { return len(f.wire) }

// Payload is the message. It must not be changed.
func (f Frame) Payload() []byte { return f.wire[f.header:] }

// IsBinary reports whether the message is binary.
func (f Frame) IsBinary() bool { return f.wire[0] == binaryFrame }

func encode(first byte, prefix string, parts [][]byte) Frame {
	length := len(prefix)
	for _, part := range parts {
		length += len(part)
	}
	var wire []byte
	switch {
	case length < 126:
		wire = append(make([]byte, 0, 2+length), first, byte(length))
	case length < 1<<16:
		wire = append(make([]byte, 0, 4+length), first, 126)
		wire = binary.BigEndian.AppendUint16(wire, uint16(length))
	default:
		wire = append(make([]byte, 0, 10+length), first, 127)
		wire = binary.BigEndian.AppendUint64(wire, uint64(length))
	}
	header := len(wire)
	wire = append(wire, prefix...)
	for _, part := range parts {
		wire = append(wire, part...)
	}
	return Frame{wire, header}
}
