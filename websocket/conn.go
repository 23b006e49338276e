package websocket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
	"github.com/olahol/melody"
	"github.com/sourcegraph/conc/panics"
)

// Conn is one connection. All methods may be called concurrently. Only Drained blocks.
type Conn struct {
	server   *Server
	handler  Handler
	upgraded chan error
	session  *melody.Session
	wire     wire

	mu        sync.Mutex
	queue     queue
	code      CloseCode // with which this side closes
	cause     error     // the first reason for the end
	lastAlive time.Time // set with cause

	closing atomic.Bool // Close was called: nothing more is queued or handled
}

// PeerClose is the cause of a connection that the peer closed with a close frame.
//
//nolint:errname // first of all an event
type PeerClose struct {
	Code int // 1005 if the frame has none (RFC 6455, section 7.4.1)
	Text string
}

func (p *PeerClose) Error() string {
	return fmt.Sprintf("closed by the peer with %d: %s", p.Code, p.Text)
}

// Send queues frames in order, all or none. If they do not fit into the queue, the connection is closed with Codes.TooSlow. After
// that, and after Close, Send does nothing.
func (c *Conn) Send(frames ...Frame) {
	c.mu.Lock()
	if c.closing.Load() || c.queue.dropped {
		c.mu.Unlock()
		return
	}
	fits, assign := c.queue.add(frames, c.server.config.Queue, c.server.config.QueueBytes)
	c.mu.Unlock()
	switch {
	case !fits:
		c.closeTooSlow()
	case assign && c.wire.direct.raw == nil:
		c.wakeWriter()
	case assign:
		c.server.flusher.add(c)
	}
}

// Drained waits until the queue is empty. The rest of a frame that the network takes in parts may still wait. The error is that of
// ctx, or ErrClosed if Close was called or the connection has ended. A sender of much data uses it to wait for the peer.
func (c *Conn) Drained(ctx context.Context) error {
	c.mu.Lock()
	empty := c.queue.whenEmpty()
	c.mu.Unlock()
	select {
	case <-empty:
	case <-ctx.Done():
		return ctx.Err()
	}
	if c.closing.Load() {
		return ErrClosed
	}
	return nil
}

// Close sends the queue and then a close frame, and hangs up. Only the first call has an effect.
func (c *Conn) Close(code CloseCode) {
	c.mu.Lock()
	first := !c.closing.Swap(true)
	if first {
		c.code = code
		c.setCause(code)
	}
	session := c.session
	c.mu.Unlock()
	if first && session != nil {
		_ = session.CloseWithMsg(code.payload()) // refused only by a session that is closed
	}
}

// LastRead is when bytes last came from the peer.
func (c *Conn) LastRead() time.Time { return time.Unix(0, c.wire.lastRead.Load()) }

// LastAlive is when the peer of a connection that has ended was last known to be connected: the time of the close or the break,
// or, after a timeout, of the last byte from the peer.
func (c *Conn) LastAlive() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastAlive
}

// setCause notes why the connection ends, if this is the first reason. The caller holds the mutex.
func (c *Conn) setCause(cause error) {
	if c.cause != nil {
		return
	}
	c.cause, c.lastAlive = cause, time.Now()
	codes := &c.server.config.Codes
	if errors.Is(cause, codes.PingTimeout) || errors.Is(cause, codes.TooSlow) || c.wire.failedLate.Load() {
		c.lastAlive = c.LastRead()
	}
}

// closeTooSlow closes a connection whose queue is full. The queue is dropped. The peer has slowWait to accept the write in
// progress and the close frame.
func (c *Conn) closeTooSlow() {
	c.mu.Lock()
	c.queue.drop()
	c.mu.Unlock()
	c.wire.closeFast()
	c.Close(c.server.config.Codes.TooSlow)
}

// abort closes the network connection at once.
func (c *Conn) abort() {
	c.mu.Lock()
	raw := c.wire.Conn
	c.mu.Unlock()
	if raw != nil {
		_ = raw.Close()
	}
}

// run upgrades the request, and returns when the connection has ended.
func (c *Conn) run(w http.ResponseWriter, r *http.Request) {
	err := c.server.melody.HandleRequestWithKeys(takeover{w, c}, r, map[string]any{connKey: c})
	if err != nil {
		c.upgraded <- err
		return
	}
	c.wire.hangUp()
}

// hijacked sets the network connection, taken over from net/http.
func (c *Conn) hijacked(raw net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wire.Conn, c.wire.owner = raw, c
	c.wire.direct.prepare(raw)
	c.wire.lastRead.Store(time.Now().UnixNano())
}

// onConnect is called after the upgrade. It releases the request, which has some KB with its headers.
func (c *Conn) onConnect(m *melody.Session) {
	m.Request = nil
	c.mu.Lock()
	c.session = m
	closing, code := c.closing.Load(), c.code
	c.mu.Unlock()
	if closing { // the server was closed during the upgrade
		_ = m.CloseWithMsg(code.payload())
	}
	c.answerPings()
	c.upgraded <- nil
	c.guard(func() { c.handler.Open(c) })
}

// answerPings answers pings up to a limit, because each answer is a system call. The reading goroutine answers them.
func (c *Conn) answerPings() {
	conn, limit := c.session.WebsocketConnection(), ControlLimit{}
	answer := conn.PingHandler()
	conn.SetPingHandler(func(data string) error {
		if !limit.Allow(time.Now(), c.server.config.Pings) {
			c.Close(c.server.config.Codes.Flooding)
			return nil
		}
		return answer(data)
	})
}

func (c *Conn) onMessage(data []byte, binary bool) {
	switch {
	case c.closing.Load():
	case !binary && !utf8.Valid(data):
		c.Close(NotUTF8)
	default:
		c.guard(func() { c.handler.Message(c, data, binary) })
	}
}

// onError is called by the reading or the writing goroutine with the error that ended it.
func (c *Conn) onError(err error) {
	var peer *websocket.CloseError
	switch {
	case errors.Is(err, melody.ErrWriteClosed):
		return // a wake-up after the end
	case errors.Is(err, melody.ErrMessageBufferFull):
		c.abort() // cannot happen: see melodySlots
	case errors.Is(err, websocket.ErrReadLimit):
		err = TooBig
	case isTimeout(err) && c.missedPing():
		err = c.server.config.Codes.PingTimeout
	case isTimeout(err):
		err = c.server.config.Codes.TooSlow // a write took longer than WriteWait
	case errors.As(err, &peer):
		c.wire.closeReceived.Store(true)
		err = &PeerClose{peer.Code, peer.Text}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.setCause(err)
}

// missedPing reports whether nothing came from the peer for PongWait.
func (c *Conn) missedPing() bool {
	limit := c.server.config.PongWait
	return limit > 0 && time.Since(c.LastRead()) >= limit
}

// isTimeout reports whether a deadline passed. Gorilla keeps only this of such an error.
func isTimeout(err error) bool {
	var failed net.Error
	return errors.As(err, &failed) && failed.Timeout()
}

func (c *Conn) onDisconnect() {
	c.closing.Store(true)
	c.mu.Lock()
	c.queue.drop()
	if c.lastAlive.IsZero() {
		c.lastAlive = time.Now()
	}
	cause := c.cause
	c.mu.Unlock()
	c.guard(func() { c.handler.Closed(c, cause) })
}

// guard closes the connection if the handler panics. After the upgrade net/http does not recover panics any more.
func (c *Conn) guard(call func()) {
	if panicked := panics.Try(call); panicked != nil {
		c.server.config.Log.Error("panic in a connection's handler", "panic", panicked.Value, "stack", string(panicked.Stack))
		c.Close(Internal)
	}
}
