package fanout

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
)

// The first bytes of frames (RFC 6455, section 5.2): final, and what they hold.
const (
	textFrame  = 0x81
	closeFrame = 0x88
)

// maskBit is in the second byte of a client's frames.
const maskBit = 0x80

// errFrame says that a server sent what no client here expects.
var errFrame = errors.New("an unexpected frame")

// appendFrame appends a text as clients send it: masked, with a key of zeros, which costs a client nothing, and its server
// what any key costs.
func appendFrame(to []byte, text []byte) []byte {
	switch {
	case len(text) < 126:
		to = append(to, textFrame, maskBit|byte(len(text))) //nolint:gosec // it fits, says the case
	case len(text) < 1<<16:
		to = binary.BigEndian.AppendUint16(append(to, textFrame, maskBit|126), uint16(len(text))) //nolint:gosec // as above
	default:
		to = binary.BigEndian.AppendUint64(append(to, textFrame, maskBit|127), uint64(len(text)))
	}
	return append(append(to, 0, 0, 0, 0), text...)
}

// peekText waits for a text from the server, and gives it with how many bytes its frame has. It stays in the reader, whose
// buffer must be large enough for the whole frame.
func peekText(in *bufio.Reader) (text []byte, frame int, err error) {
	head, err := in.Peek(2)
	if err != nil {
		return nil, 0, err
	}
	first, length, header := head[0], int(head[1]), 2
	if length == 126 {
		if head, err = in.Peek(4); err != nil {
			return nil, 0, err
		}
		length, header = int(binary.BigEndian.Uint16(head[2:])), 4
	}
	if length > in.Size()-header {
		return nil, 0, fmt.Errorf("%w: of more than %d bytes", errFrame, in.Size())
	}
	all, err := in.Peek(header + length)
	if err != nil {
		return nil, 0, err
	}
	switch text = all[header:]; {
	case first == textFrame:
		return text, len(all), nil
	case first == closeFrame && length >= 2:
		return nil, 0, fmt.Errorf("the server closed the connection with %d: %s", binary.BigEndian.Uint16(text), text[2:])
	default:
		return nil, 0, fmt.Errorf("%w: it begins with %#x", errFrame, first)
	}
}
