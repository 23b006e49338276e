package websocket

import "encoding/binary"

// Frame is one message, encoded once as it goes over the wire (RFC 6455, section 5.2: final, unmasked), to be sent to
// any number of connections. It is never changed.
type Frame struct {
	wire   []byte
	header int
}

// Text is a frame of text, which must be valid UTF-8. It copies the parts, one after the other, and keeps none of them.
func Text(parts ...[]byte) Frame { return encode(0x81, "", parts) }

// Headed is Text with a head before the parts.
func Headed(head string, parts ...[]byte) Frame { return encode(0x81, head, parts) }

// Binary is a frame of bytes. It copies them.
func Binary(data []byte) Frame { return encode(0x82, "", [][]byte{data}) }

// Joined is frames that are sent one after the other, as one: for what has waited elsewhere, and is to pass a queue that
// counts its frames. It has no payload.
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

// Size is how many bytes the frame has on the wire.
func (f Frame) Size() int { return len(f.wire) }

// Payload is the message without the frame's header. It must not be changed.
func (f Frame) Payload() []byte { return f.wire[f.header:] }

// IsBinary says whether the frame holds bytes rather than text.
func (f Frame) IsBinary() bool { return f.wire[0] == 0x82 }

func encode(first byte, head string, parts [][]byte) Frame {
	length := len(head)
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
	wire = append(wire, head...)
	for _, part := range parts {
		wire = append(wire, part...)
	}
	return Frame{wire, header}
}
