// Package realtimetest is a client for tests of the sockets. It speaks enough Socket.IO, or plain WebSocket frames, to be in a call,
// and waits for what it expects. Other tests use the real socket.io-client.
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

// Timeout is how long the client waits. It is far above what anything needs, so that a busy machine fails no test.
const Timeout = time.Minute

// Receive returns the next value of a channel. It ends the test if there is none within Timeout.
func Receive[T any](tb testing.TB, from <-chan T) (value T) {
	tb.Helper()
	select {
	case value = <-from:
	case <-time.After(Timeout):
		tb.Fatalf("nothing received in %v", Timeout)
	}
	return value
}

// Options say how a client connects.
type Options struct {
	// Auth is the payload of CONNECT, or the query of a plain WebSocket.
	Auth map[string]string
	// Header is added to the request's.
	Header http.Header
	// Plain selects the plain WebSocket.
	Plain bool
}

// Event is an event that a client has received.
type Event struct {
	Name string
	Data json.RawMessage
}

// Client is one socket. Its methods are safe for concurrent use.
type Client struct {
	// ID is the socket's id.
	ID string

	tb    testing.TB
	plain bool
	conn  *websocket.Conn

	writing sync.Mutex

	mu      sync.Mutex
	changed chan struct{} // closed at the next change of the fields below
	events  []Event
	acks    map[int]json.RawMessage
	lastAck int
	closed  error // why the connection ended

	stalled atomic.Bool
	deaf    atomic.Bool
	dropped chan struct{}
	drop    sync.Once
}

// ConnectError is a refused connection.
type ConnectError struct {
	Status  int // of HTTP; 0 for a CONNECT_ERROR
	Message string
}

// Error implements error.
func (e *ConnectError) Error() string { return fmt.Sprintf("refused (%d): %s", e.Status, e.Message) }

// Connect is Dial for a client that must be admitted. It closes the client at the end of the test.
func Connect(tb testing.TB, url string, options Options) *Client {
	tb.Helper()
	c, err := Dial(tb, url, options)
	if err != nil {
		tb.Fatalf("connect %v: %v", options.Auth, err)
	}
	tb.Cleanup(c.Drop)
	return c
}

// Dial connects to the server at url, http://…. The error is a *ConnectError if the server refuses.
func Dial(tb testing.TB, url string, options Options) (*Client, error) {
	tb.Helper()
	c := &Client{
		tb: tb, plain: options.Plain, changed: make(chan struct{}), acks: map[int]json.RawMessage{}, dropped: make(chan struct{}),
	}
	conn, response, err := websocket.DefaultDialer.DialContext(tb.Context(), address(url, options), options.Header)
	if response != nil {
		defer func() { _ = response.Body.Close() }() // never nil
	}
	if err != nil && response != nil {
		return nil, &ConnectError{response.StatusCode, err.Error()}
	}
	if err != nil {
		return nil, err
	}
	c.conn = conn
	_ = conn.SetReadDeadline(time.Now().Add(Timeout)) // never fails
	reply := conn.CloseHandler()
	conn.SetCloseHandler(func(code int, text string) error {
		if c.deaf.Load() {
			return nil
		}
		return reply(code, text)
	})
	if err := c.handshake(options); err != nil {
		_ = conn.Close()
		return nil, err
	}
	_ = conn.SetReadDeadline(time.Time{}) // never fails
	go c.read()
	return c, nil
}

// read handles frames until the connection ends.
func (c *Client) read() {
	for {
		if c.stalled.Load() {
			<-c.dropped
		}
		_, data, err := c.conn.ReadMessage()
		if err == nil {
			err = c.handle(data)
		}
		if err != nil {
			c.change(func() { c.closed = err })
			_ = c.conn.Close()
			return
		}
	}
}

// change changes the client's state under the lock, and wakes the goroutines that wait.
func (c *Client) change(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
	close(c.changed)
	c.changed = make(chan struct{})
}

// wait calls condition under the lock until it is true. It gives up after Timeout.
func (c *Client) wait(condition func() bool) {
	deadline := time.NewTimer(Timeout)
	defer deadline.Stop()
	for {
		c.mu.Lock()
		met, changed := condition(), c.changed
		c.mu.Unlock()
		if met {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			return
		}
	}
}

// await waits until condition is true. It fails the test when the connection ends first.
func (c *Client) await(what string, condition func() bool) {
	c.tb.Helper()
	var met bool
	c.wait(func() bool {
		met = condition()
		return met || c.closed != nil
	})
	if met {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, len(c.events))
	for i, e := range c.events {
		names[i] = e.Name
	}
	c.tb.Errorf("%s waited for %s and received %v; the error of the connection is %v", c.ID, what, names, c.closed)
}

// Expect waits for the next event of that name, removes it, and returns its data.
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

// Received removes and returns all events until now, or until the connection ended: those that come before the ack of an unknown
// event.
func (c *Client) Received() []Event {
	c.tb.Helper()
	ack := c.Begin("is that all?", "")
	c.await("the last event", func() bool { return c.acks[ack] != nil || c.closed != nil })
	c.mu.Lock()
	defer c.mu.Unlock()
	events := c.events
	c.events = nil
	return events
}

// Emit sends an event without asking for an ack. data is JSON, or "" for none.
func (c *Client) Emit(event, data string) { c.emit(event, data, 0) }

// Ask sends an event and waits for its ack.
func (c *Client) Ask(event, data string) json.RawMessage {
	c.tb.Helper()
	return c.Answer(c.Begin(event, data))
}

// Begin sends an event and returns the id of its ack, for Answer.
func (c *Client) Begin(event, data string) (ack int) {
	c.mu.Lock()
	c.lastAck++
	ack = c.lastAck
	c.mu.Unlock()
	c.emit(event, data, ack)
	return ack
}

// Answer waits for an ack.
func (c *Client) Answer(ack int) (answer json.RawMessage) {
	c.tb.Helper()
	c.await(fmt.Sprintf("ack %d", ack), func() (received bool) {
		answer, received = c.acks[ack]
		return received
	})
	return answer
}

// Must is Ask for an event that must succeed.
func (c *Client) Must(event, data string) {
	c.tb.Helper()
	if got := string(c.Ask(event, data)); got != `{"ok":true}` {
		c.tb.Errorf("%s %s %s: %s", c.ID, event, data, got)
	}
}

// Refused is Ask for an event that must be refused. It removes the error event and returns the code.
func (c *Client) Refused(event, data string) string {
	c.tb.Helper()
	var ack, shape struct{ Code, Message string }
	answer := c.Ask(event, data)
	if err := json.Unmarshal(answer, &ack); err != nil || !strings.HasPrefix(string(answer), `{"ok":false`) {
		c.tb.Errorf("%s %s: %s is no refusal", event, data, answer)
		return ""
	}
	if err := json.Unmarshal(c.Expect("error"), &shape); err != nil || shape != ack {
		c.tb.Errorf("%s %s: the error event has %+v, the ack %+v", event, data, shape, ack)
	}
	return ack.Code
}

// Drop breaks the connection without a close frame.
func (c *Client) Drop() {
	c.drop.Do(func() { close(c.dropped) })
	_ = c.conn.UnderlyingConn().Close()
}

// Stall stops reading, after at most one more message, until Drop.
func (c *Client) Stall() { c.stalled.Store(true) }

// Deafen stops the automatic answers to pings and to a close, as after a loss of the network.
func (c *Client) Deafen() { c.deaf.Store(true) }

// IsClosed reports whether the connection has ended.
func (c *Client) IsClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed != nil
}

// Closed waits for the end of the connection, and returns the WebSocket's close code; 0 if there was none.
func (c *Client) Closed() int {
	c.tb.Helper()
	var closed error
	c.wait(func() bool {
		closed = c.closed
		return closed != nil
	})
	if closed == nil {
		c.tb.Fatalf("%s was not closed", c.ID)
	}
	var code *websocket.CloseError
	if errors.As(closed, &code) && code.Code != websocket.CloseAbnormalClosure {
		return code.Code
	}
	return 0
}
