package engineio

import (
	"encoding/json"
	"runtime/debug"
	"time"

	"github.com/studycall/studycall/websocket"
)

// farewellWait is how long a client that closed may take to fetch the answer to its last poll. It sends close and poll
// side by side, and either can come first.
const farewellWait = time.Second

// opening is the data of the open packet (Engine.IO protocol, "Handshake").
type opening struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int64    `json:"pingInterval"` // ms
	PingTimeout  int64    `json:"pingTimeout"`  // ms
	MaxPayload   int64    `json:"maxPayload"`   // bytes
}

// begin opens the connection, on the WebSocket or, if that is nil, on polling. It is false when the server is closed.
func (c *Conn) begin(socket *websocket.Conn) bool {
	config := &c.server.config
	open := opening{
		SID: c.id, Upgrades: []string{}, MaxPayload: config.MaxPayload,
		PingInterval: config.PingInterval.Milliseconds(), PingTimeout: config.PingTimeout.Milliseconds(),
	}
	if socket == nil {
		open.Upgrades = []string{"websocket"}
	}
	text, err := json.Marshal(open)
	if err != nil || !c.server.keep(c) {
		return false
	}
	c.heard.Store(time.Now().UnixNano())
	c.serial.Lock()
	defer c.serial.Unlock()
	if socket != nil {
		c.socket.Store(socket)
	}
	c.Send(Message{websocket.Headed("0", text)})
	c.startBeating()
	c.guard(func() { c.handler = c.server.accept(c, c.request) })
	c.request = nil
	return true
}

// receive takes a packet of the client's (Engine.IO protocol, "Packet types"). It is false when the connection ended.
func (c *Conn) receive(p packet) bool {
	if p.kind != kindMessage && !c.mayControl() {
		c.end(ServerClose, websocket.RateLimited)
		return false
	}
	switch p.kind {
	case kindMessage:
		c.serial.Lock()
		defer c.serial.Unlock()
		if c.hasEnded() {
			return false
		}
		c.guard(func() { c.handler.Message(c, p.data, p.binary) })
	case kindPong:
		c.pong()
	case kindClose:
		c.mu.Lock()
		if c.polling != nil {
			c.polling.said = !c.ended
		}
		c.mu.Unlock()
		c.end(TransportClose, websocket.Normal)
		return false
	case kindPing: // it is the server that pings
		c.end(ParseError, websocket.BadPacket)
		return false
	}
	return true // open, upgrade and noop mean nothing here
}

// mayControl counts a packet that is no message.
func (c *Conn) mayControl() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.control.Take(time.Now(), websocket.UsualControl)
}

func (c *Conn) hasEnded() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// end ends the connection, now, or when the client was last heard if it is because that was too long ago. See endAt.
func (c *Conn) end(reason Reason, code websocket.CloseCode) {
	at := time.Now()
	if code == websocket.Silent || code == websocket.TooSlow {
		at = c.lastHeard()
	}
	c.endAt(at, reason, code)
}

// endAt ends the connection, for the first reason that is given, and has the handler told of it. It does not wait for
// that: who calls may be the handler, or hold locks that the handler takes. The client was there until the given time.
func (c *Conn) endAt(there time.Time, reason Reason, code websocket.CloseCode) {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	c.ended, c.reason, c.there = true, reason, there
	close(c.done)
	c.stopBeating()
	socket := c.socket.Load()
	linger := false
	if c.polling != nil {
		linger = c.polling.end() && socket == nil
	}
	c.mu.Unlock()
	if socket != nil {
		socket.Close(code)
	}
	if linger {
		time.AfterFunc(farewellWait, c.forget)
	} else {
		c.forget()
	}
	go c.tell()
}

// tell has the handler know that the connection ended.
func (c *Conn) tell() {
	defer c.server.running.Done()
	c.serial.Lock()
	defer c.serial.Unlock()
	c.mu.Lock()
	c.told = true
	c.mu.Unlock()
	if c.handler != nil { // else accept has panicked
		c.guard(func() { c.handler.Closed(c, c.reason) })
	}
}

// guard keeps a panic of the handler's from ending the process, and ends the connection instead.
func (c *Conn) guard(call func()) {
	defer func() {
		if panicked := recover(); panicked != nil {
			c.server.config.Log.Error("panic in a connection's handler", "panic", panicked, "stack", string(debug.Stack()))
			c.end(ServerClose, websocket.Internal)
		}
	}()
	call()
}
