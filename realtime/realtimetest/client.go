package realtimetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Options say how a client connects.
type Options struct {
	// Auth is the payload of CONNECT, or, plainly, the query. Its values are strings.
	Auth map[string]string
	// Header is added to the request's.
	Header http.Header
	// Plain is for the plain WebSocket.
	Plain bool
}

// Event is what a client was told.
type Event struct {
	Name string
	Data json.RawMessage
}

// Client is somebody's socket. Its methods may be called concurrently.
type Client struct {
	// ID is the socket's id.
	ID string

	tb    testing.TB
	plain bool
	conn  *websocket.Conn

	writing sync.Mutex

	mu      sync.Mutex
	changed chan struct{} // closed at the next change
	events  []Event
	acks    map[int]json.RawMessage
	lastAck int
	closed  error
	deaf    bool

	stalled atomic.Bool
	dropped chan struct{}
	drop    sync.Once
}

// ConnectError is a refusal.
type ConnectError struct {
	Status  int // of HTTP, 0 for a CONNECT_ERROR
	Message string
}

// Error implements error.
func (e *ConnectError) Error() string { return fmt.Sprintf("refused (%d): %s", e.Status, e.Message) }

// Connect is Dial for a client that must be let in. The client is closed at the end of the test.
func Connect(tb testing.TB, url string, options Options) *Client {
	tb.Helper()
	c, err := Dial(tb, url, options)
	if err != nil {
		tb.Fatalf("connect %v: %v", options.Auth, err)
	}
	tb.Cleanup(c.Drop)
	return c
}

// Dial connects to the server at url, http://…. The error is a *ConnectError when it is refused.
func Dial(tb testing.TB, url string, options Options) (*Client, error) {
	tb.Helper()
	c := &Client{
		tb: tb, plain: options.Plain, changed: make(chan struct{}), acks: map[int]json.RawMessage{}, dropped: make(chan struct{}),
	}
	conn, response, err := websocket.DefaultDialer.DialContext(tb.Context(), target(url, options), options.Header)
	if response != nil && response.Body != nil {
		defer func() { _ = response.Body.Close() }()
	}
	if err != nil {
		if response != nil {
			return nil, &ConnectError{response.StatusCode, err.Error()}
		}
		return nil, err
	}
	c.conn = conn
	_ = conn.SetReadDeadline(time.Now().Add(Patience)) // never fails
	reply := conn.CloseHandler()
	conn.SetCloseHandler(func(code int, text string) error {
		if c.isDeaf() {
			return nil
		}
		return reply(code, text)
	})
	if err := c.shakeHands(options); err != nil {
		_ = conn.Close()
		return nil, err
	}
	_ = conn.SetReadDeadline(time.Time{}) // never fails
	go c.read()
	return c, nil
}

// read takes what comes until the connection ends.
func (c *Client) read() {
	for {
		if c.stalled.Load() {
			<-c.dropped
		}
		_, data, err := c.conn.ReadMessage()
		if err != nil {
			c.change(func() { c.closed = err })
			return
		}
		if err := c.take(data); err != nil {
			c.change(func() { c.closed = err })
			_ = c.conn.Close()
			return
		}
	}
}

// change changes what the client knows, and wakes who waits for it.
func (c *Client) change(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
	close(c.changed)
	c.changed = make(chan struct{})
}

// await waits until the condition holds, which is looked at under the lock. It fails the test when that takes too long.
func (c *Client) await(what string, holds func() bool) {
	c.tb.Helper()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	for {
		c.mu.Lock()
		if holds() {
			c.mu.Unlock()
			return
		}
		changed, closed := c.changed, c.closed
		c.mu.Unlock()
		if closed != nil {
			c.tb.Errorf("%s waited for %s, and the connection ended: %v; was told %v", c.ID, what, closed, c.names())
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			c.tb.Errorf("%s waited in vain for %s; was told %v", c.ID, what, c.names())
			return
		}
	}
}

func (c *Client) names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, len(c.events))
	for i, e := range c.events {
		names[i] = e.Name
	}
	return names
}

// Expect waits for the next event of that name, takes it away, and gives its data.
func (c *Client) Expect(name string) json.RawMessage {
	c.tb.Helper()
	var data json.RawMessage
	c.await(name, func() bool {
		for i, e := range c.events {
			if e.Name == name {
				data = e.Data
				c.events = append(c.events[:i:i], c.events[i+1:]...)
				return true
			}
		}
		return false
	})
	return data
}

// Told takes away and gives what the client was told until now, or until it was closed: all that comes before the answer to
// a message that does nothing.
func (c *Client) Received() []Event {
	c.tb.Helper()
	ack := c.Begin("is that all?", "")
	c.await("the end of what it was told", func() bool { return c.acks[ack] != nil || c.closed != nil })
	c.mu.Lock()
	defer c.mu.Unlock()
	told := c.events
	c.events = nil
	return told
}

// Emit sends an event without asking for an ack. data is JSON, or "" for none.
func (c *Client) Emit(event, data string) { c.emit(event, data, 0) }

// Ask sends an event and waits for its ack.
func (c *Client) Ask(event, data string) json.RawMessage {
	c.tb.Helper()
	return c.Answer(c.Begin(event, data))
}

// Begin is the first half of Ask.
func (c *Client) Begin(event, data string) (ack int) {
	c.mu.Lock()
	c.lastAck++
	ack = c.lastAck
	c.mu.Unlock()
	c.emit(event, data, ack)
	return ack
}

// Answer is the second half of Ask.
func (c *Client) Answer(ack int) json.RawMessage {
	c.tb.Helper()
	var answer json.RawMessage
	c.await(fmt.Sprintf("ack %d", ack), func() bool {
		got, here := c.acks[ack]
		answer = got
		return here
	})
	return answer
}

// Must is Ask for what must be done.
func (c *Client) Must(event, data string) {
	c.tb.Helper()
	if got := string(c.Ask(event, data)); got != `{"ok":true}` {
		c.tb.Errorf("%s %s %s: %s", c.ID, event, data, got)
	}
}

// Refused is Ask for what must be refused. It gives the code, and takes away the error event.
func (c *Client) Refused(event, data string) string {
	c.tb.Helper()
	var ack, told struct{ Code, Message string }
	answer := c.Ask(event, data)
	if err := json.Unmarshal(answer, &ack); err != nil || !strings.HasPrefix(string(answer), `{"ok":false`) {
		c.tb.Errorf("%s %s: %s is no refusal", event, data, answer)
		return ""
	}
	if err := json.Unmarshal(c.Expect("error"), &told); err != nil || told != ack {
		c.tb.Errorf("%s %s: the error says %+v, the ack %+v", event, data, told, ack)
	}
	return ack.Code
}

// Drop ends the connection without a word.
func (c *Client) Drop() {
	c.drop.Do(func() { close(c.dropped) })
	_ = c.conn.UnderlyingConn().Close()
}

// Stall stops taking what comes, after at most one more message, until the client drops.
func (c *Client) Stall() { c.stalled.Store(true) }

// Deafen stops all answers that a client gives by itself, as if the network were gone: to pings, and to a close.
func (c *Client) Deafen() { c.change(func() { c.deaf = true }) }

func (c *Client) isDeaf() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deaf
}

// IsClosed reports whether the connection has ended.
func (c *Client) IsClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed != nil
}

// Closed waits until the connection has ended, and gives the WebSocket's close code; 0 if there was none.
func (c *Client) Closed() int {
	c.tb.Helper()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	for {
		c.mu.Lock()
		changed, closed := c.changed, c.closed
		c.mu.Unlock()
		if closed != nil {
			var code *websocket.CloseError
			if errors.As(closed, &code) && code.Code != websocket.CloseAbnormalClosure {
				return code.Code
			}
			return 0
		}
		select {
		case <-changed:
		case <-deadline.C:
			c.tb.Fatalf("%s was not closed", c.ID)
		}
	}
}
