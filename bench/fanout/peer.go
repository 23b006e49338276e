package fanout

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

const (
	// The first bytes of frames (RFC 6455, section 5.2), and the mask bit in the second byte of a client's frames.
	textFrame  = 0x81
	closeFrame = 0x88
	maskBit    = 0x80

	// peerBuffer holds the largest frame of a server: the state of a room of some dozens.
	peerBuffer = 16 << 10
	// patience is how long a server may take for anything.
	patience = 30 * time.Second
)

// errFrame says that a server sent an unexpected message.
var errFrame = errors.New("unexpected frame")

// peer is the connection of one client. It belongs to one goroutine at a time. It is written by hand so that clients take little CPU
// time from the measured servers.
type peer struct {
	conn net.Conn
	in   *bufio.Reader
	read int    // bytes of in that belong to the last message
	out  []byte // the last frame sent, for reuse
	id   string // the server's id for the client
	user string
}

// dial opens a WebSocket. The end of ctx does not close it.
func dial(ctx context.Context, address, path string) (*peer, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	p := &peer{conn: conn, in: bufio.NewReaderSize(conn, peerBuffer)}
	if err := p.upgrade(address, path); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("open a WebSocket at %s%s: %w", address, path, err)
	}
	return p, nil
}

func (p *peer) upgrade(address, path string) error {
	p.setDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(p.conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", path, address); err != nil {
		return err
	}
	answer, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return err
	}
	_ = answer.Body.Close() // it is empty
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the server answered %s", answer.Status)
	}
	return nil
}

// setDeadline sets until when expected messages must have come. It fails only if the connection is closed; reads fail then too.
func (p *peer) setDeadline(at time.Time) { _ = p.conn.SetReadDeadline(at) }

// send sends a text, which the caller may reuse.
func (p *peer) send(text []byte) error {
	p.out = appendFrame(p.out[:0], text)
	_, err := p.conn.Write(p.out)
	return err
}

// next returns the next text. It answers pings of Engine.IO. The text is valid until the next call.
func (p *peer) next() ([]byte, error) {
	for {
		if _, err := p.in.Discard(p.read); err != nil {
			return nil, err
		}
		p.read = 0
		text, size, err := peekText(p.in)
		if err != nil {
			return nil, err
		}
		p.read = size
		if string(text) != ping {
			return text, nil
		}
		if err := p.send([]byte(pong)); err != nil {
			return nil, err
		}
	}
}

// await returns the first text with the prefix, and drops those before it.
func (p *peer) await(prefix string) ([]byte, error) {
	p.setDeadline(time.Now().Add(patience))
	for {
		text, err := p.next()
		switch {
		case err != nil:
			return nil, fmt.Errorf("waiting for %s…: %w", prefix, err)
		case bytes.HasPrefix(text, []byte(prefix)):
			return text, nil
		case bytes.HasPrefix(text, []byte(`42["error"`)):
			return nil, fmt.Errorf("waiting for %s…, got %s", prefix, text)
		}
	}
}

// appendFrame appends a text frame of a client, shorter than 64 KiB. Its mask is zero, which saves the client work and costs a
// server the same as any mask.
func appendFrame(to []byte, text []byte) []byte {
	if len(text) < 126 {
		to = append(to, textFrame, maskBit|byte(len(text))) //nolint:gosec // less than 126
	} else {
		to = binary.BigEndian.AppendUint16(append(to, textFrame, maskBit|126), uint16(len(text))) //nolint:gosec // less than 1<<16
	}
	return append(append(to, 0, 0, 0, 0), text...)
}

// peekText returns the next text of a server and the size of its frame. The frame stays in the reader, whose buffer must be large
// enough for it.
func peekText(in *bufio.Reader) (text []byte, size int, err error) {
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
		return nil, 0, fmt.Errorf("%w: more than %d bytes", errFrame, in.Size())
	}
	frame, err := in.Peek(header + length)
	if err != nil {
		return nil, 0, err
	}
	text = frame[header:]
	switch {
	case first == textFrame:
		return text, len(frame), nil
	case first == closeFrame && length >= 2:
		return nil, 0, fmt.Errorf("the server closed the connection with %d: %s", binary.BigEndian.Uint16(text), text[2:])
	default:
		return nil, 0, fmt.Errorf("%w: it begins with %#x", errFrame, first)
	}
}
