package fanout

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

const (
	// peerBuffer holds the largest frame that is due: the state of a room of some dozens.
	peerBuffer = 16 << 10
	// patience is how long anything may take that a server is to answer.
	patience = 30 * time.Second
)

// peer is one connection to a server. It belongs to one goroutine at a time.
type peer struct {
	conn net.Conn
	in   *bufio.Reader
	read int    // bytes of in that the last text took
	out  []byte // the frame that was sent last, for its memory
	id   string // what the server calls it
	user string
}

// dial opens a WebSocket. Cancelling ctx does not close it.
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
	p.expectBy(time.Now().Add(patience))
	if _, err := fmt.Fprintf(p.conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", path, address); err != nil {
		return err
	}
	answer, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return err
	}
	_ = answer.Body.Close() // it has none
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the server answered %s", answer.Status)
	}
	return nil
}

// expectBy sets until when what is due must have come.
func (p *peer) expectBy(at time.Time) {
	_ = p.conn.SetReadDeadline(at) // fails when the connection is gone, as the next read does
}

// send sends a text, which may be changed afterwards.
func (p *peer) send(text []byte) error {
	p.out = appendFrame(p.out[:0], text)
	_, err := p.conn.Write(p.out)
	return err
}

// next waits for the next text that is not a ping of Engine.IO's, which it answers. The text is there until the next call.
func (p *peer) next() ([]byte, error) {
	for {
		if _, err := p.in.Discard(p.read); err != nil {
			return nil, err
		}
		p.read = 0
		text, frame, err := peekText(p.in)
		if err != nil {
			return nil, err
		}
		p.read = frame
		if string(text) != ping {
			return text, nil
		}
		if err := p.send([]byte(pong)); err != nil {
			return nil, err
		}
	}
}

// await reads until a text that begins so, and drops what comes before.
func (p *peer) await(beginning string) ([]byte, error) {
	p.expectBy(time.Now().Add(patience))
	for {
		text, err := p.next()
		switch {
		case err != nil:
			return nil, fmt.Errorf("waiting for %s…: %w", beginning, err)
		case bytes.HasPrefix(text, []byte(beginning)):
			return text, nil
		case bytes.HasPrefix(text, []byte(`42["error"`)):
			return nil, fmt.Errorf("waiting for %s…, was told %s", beginning, text)
		}
	}
}
