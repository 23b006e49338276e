package engineio

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/studycall/studycall/websocket"
)

// Conn is one connection with a client, whatever transport it is on. All methods may be called concurrently; none
// blocks or calls back before it returns.
type Conn struct {
	server  *Server
	id      string
	request *http.Request // given to accept, then let go
	handler Handler
	done    chan struct{} // closed when the connection ends

	serial sync.Mutex                     // held while the handler runs, so that it is called one at a time
	socket atomic.Pointer[websocket.Conn] // once messages go over a WebSocket
	heard  atomic.Int64                   // when a request last came, in ns since 1970

	mu      sync.Mutex
	polling *polling // nil when it began on a WebSocket
	beat    heartbeat
	ended   bool
	reason  Reason    // why it ended
	there   time.Time // until when the client was there, once it ended
	told    bool      // the handler knows that it ended
	control websocket.ControlLimit
}

func newConn(s *Server, r *http.Request) *Conn {
	return &Conn{server: s, id: NewID(), request: kept(r), done: make(chan struct{})}
}

// ID is the connection's id (sid), not guessable: who knows it can send and receive in the client's place.
func (c *Conn) ID() string { return c.id }

// Done is closed when the connection ends, before the handler is told.
func (c *Conn) Done() <-chan struct{} { return c.done }

// LastThere is until when the client of a connection that has ended was there: until either side closed it, or it was seen to
// break; but of a client that fell silent, or took nothing any more, until it was last heard.
func (c *Conn) LastThere() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.there
}

// lastHeard is when bytes last came from the client.
func (c *Conn) lastHeard() time.Time {
	heard := time.Unix(0, c.heard.Load())
	if socket := c.socket.Load(); socket != nil && socket.LastHeard().After(heard) {
		return socket.LastHeard()
	}
	return heard
}

// Send queues messages, together and in order. When they do not fit in the queue the connection is closed with TooSlow;
// to one that ended it does nothing.
func (c *Conn) Send(messages ...Message) {
	if socket := c.socket.Load(); socket != nil {
		send(socket, messages)
		return
	}
	c.mu.Lock()
	if socket := c.socket.Load(); socket != nil { // upgraded since
		c.mu.Unlock()
		send(socket, messages)
		return
	}
	fits := c.ended || c.polling.add(messages, &c.server.config)
	c.mu.Unlock()
	if !fits {
		c.end(ServerClose, websocket.TooSlow)
	}
}

// Close ends the connection from this side; the code is told where there is a WebSocket. Only the first call counts.
func (c *Conn) Close(code websocket.CloseCode) {
	c.end(reasonOf(code), code)
}

// Run calls f soon, as the handler is called: not while it runs. It is false, and f is not called, after the handler was
// told of the end.
func (c *Conn) Run(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.told {
		c.server.running.Go(func() {
			c.serial.Lock()
			defer c.serial.Unlock()
			c.guard(f)
		})
	}
	return !c.told
}

// send hands messages to a WebSocket; one at a time is the rule, and costs nothing.
func send(socket *websocket.Conn, messages []Message) {
	if len(messages) == 1 {
		socket.Send(messages[0].frame)
		return
	}
	socket.Send(framesOf(messages)...)
}

// forget takes the connection out of the server's list.
func (c *Conn) forget() { c.server.remove(c) }
