package websocket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
	"github.com/olahol/melody"
)

// Conn is one connection. All methods may be called concurrently; none blocks.
type Conn struct {
	server   *Server
	handler  Handler
	upgraded chan error
	session  *melody.Session
	wire     wire

	mu    sync.Mutex
	queue queue
	code  CloseCode // with which this side closes
	cause error     // why it ends, the first reason that showed
	there time.Time // until when the peer was there, once it ends

	closing atomic.Bool // Close was called: nothing more is queued or handled
}

// PeerClose is the cause of a connection that the peer closed with a close frame.
//
//nolint:errname // an event first of all
type PeerClose struct {
	Code int // 1005 if the peer gave none (RFC 6455, section 7.4.1)
	Text string
}

func (p *PeerClose) Error() string {
	return fmt.Sprintf("closed by the peer with %d: %s", p.Code, p.Text)
}

// Send queues frames, together and in order. When they do not fit in the queue the connection is closed with TooSlow;
// after that, as after Close, Send does nothing.
func (c *Conn) Send(frames ...Frame) {
	c.mu.Lock()
	if c.closing.Load() || c.queue.dropped {
		c.mu.Unlock()
		return
	}
	fits, wake := c.queue.add(frames, c.server.config.Queue, c.server.config.QueueBytes)
	c.mu.Unlock()
	switch {
	case !fits:
		c.tooSlow()
	case wake && c.wire.direct.raw == nil:
		c.wakeWriter()
	case wake:
		c.server.flusher.add(c)
	}
}

// Drained waits until nothing waits to be sent, but perhaps the rest of what the network is taking, for senders who have much to send and need not hurry. The error is that of
// ctx, or ErrClosed once Close was called or the connection has ended.
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

// Close sends what is queued, then the code, then hangs up. Only the first call counts.
func (c *Conn) Close(code CloseCode) {
	c.mu.Lock()
	first := !c.closing.Swap(true)
	if first {
		c.code = code
		c.blame(code)
	}
	session := c.session
	c.mu.Unlock()
	if first && session != nil {
		_ = session.CloseWithMsg(code.payload()) // refused only by a session that is closed
	}
}

// LastHeard is when bytes last came from the peer.
func (c *Conn) LastHeard() time.Time { return time.Unix(0, c.wire.heard.Load()) }

// LastThere is until when the peer of a connection that has ended was there: until either side closed it, or it was seen to
// break; but of a peer that fell silent, or took nothing any more, until it was last heard.
func (c *Conn) LastThere() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.there
}

// blame notes why the connection ends, if that is the first reason. The caller holds the mutex.
func (c *Conn) blame(cause error) {
	if c.cause != nil {
		return
	}
	c.cause, c.there = cause, time.Now()
	if errors.Is(cause, Silent) || errors.Is(cause, TooSlow) || c.wire.late.Load() {
		c.there = c.LastHeard()
	}
}

// tooSlow closes a connection whose queue is full: what waits is given up, and the peer has a moment to take what is
// being written and then the code.
func (c *Conn) tooSlow() {
	c.mu.Lock()
	c.queue.drop()
	c.mu.Unlock()
	c.wire.hurry()
	c.Close(TooSlow)
}

// cut hangs up at once.
func (c *Conn) cut() {
	c.mu.Lock()
	raw := c.wire.Conn
	c.mu.Unlock()
	if raw != nil {
		_ = raw.Close()
	}
}

// run is the life of the connection, from the upgrade to the end.
func (c *Conn) run(w http.ResponseWriter, r *http.Request) {
	err := c.server.melody.HandleRequestWithKeys(takeover{w, c}, r, map[string]any{connKey: c})
	if err != nil {
		c.upgraded <- err
		return
	}
	c.wire.hangUp()
}

// took is told that the connection was taken over from net/http.
func (c *Conn) took(raw net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wire.Conn, c.wire.owner = raw, c
	c.wire.direct.prepare(raw)
	c.wire.heard.Store(time.Now().UnixNano())
}

// open is told that the upgrade is done. The request is let go: with headers and all it is some KB.
func (c *Conn) open(m *melody.Session) {
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

// answerPings answers pings, up to a limit: each is a system call. They are handled by the goroutine that reads.
func (c *Conn) answerPings() {
	conn, limit := c.session.WebsocketConnection(), ControlLimit{}
	answer := conn.PingHandler()
	conn.SetPingHandler(func(data string) error {
		if !limit.Take(time.Now(), c.server.config.Pings) {
			c.Close(RateLimited)
			return nil
		}
		return answer(data)
	})
}

func (c *Conn) message(data []byte, binary bool) {
	switch {
	case c.closing.Load():
	case !binary && !utf8.Valid(data):
		c.Close(NotUTF8)
	default:
		c.guard(func() { c.handler.Message(c, data, binary) })
	}
}

// failed is told by either goroutine what ended it.
func (c *Conn) failed(err error) {
	var peer *websocket.CloseError
	switch {
	case errors.Is(err, melody.ErrWriteClosed):
		return // a wake-up that came after the end
	case errors.Is(err, melody.ErrMessageBufferFull):
		c.cut() // cannot be: see melodySlots
	case errors.Is(err, websocket.ErrReadLimit):
		err = TooBig
	case isTimeout(err) && c.isSilent():
		err = Silent
	case isTimeout(err):
		err = TooSlow // it took longer than WriteWait to accept a write
	case errors.As(err, &peer):
		c.wire.farewell.Store(true)
		err = &PeerClose{peer.Code, peer.Text}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blame(err)
}

// isSilent says whether the peer was heard so long ago that it must have missed a ping.
func (c *Conn) isSilent() bool {
	limit := c.server.config.PongWait
	return limit > 0 && time.Since(c.LastHeard()) >= limit
}

// isTimeout says whether a deadline passed; gorilla leaves of such an error only that.
func isTimeout(err error) bool {
	var failed net.Error
	return errors.As(err, &failed) && failed.Timeout()
}

func (c *Conn) ended() {
	c.closing.Store(true)
	c.mu.Lock()
	c.queue.drop()
	if c.there.IsZero() {
		c.there = time.Now()
	}
	cause := c.cause
	c.mu.Unlock()
	c.guard(func() { c.handler.Closed(c, cause) })
}

// guard keeps a panic of the handler's from ending the process: net/http, which would, is not above us any more.
func (c *Conn) guard(call func()) {
	defer func() {
		if panicked := recover(); panicked != nil {
			c.server.config.Log.Error("panic in a connection's handler", "panic", panicked, "stack", string(debug.Stack()))
			c.Close(Internal)
		}
	}()
	call()
}
