package engineio

import (
	"github.com/studycall/studycall/websocket"
)

// transport is a connection's WebSocket, when it is on one from the beginning.
type transport struct{ conn *Conn }

// Open is websocket.Handler's.
func (t *transport) Open(socket *websocket.Conn) {
	if !t.conn.begin(socket) {
		socket.Close(websocket.Restart)
	}
}

// Message is websocket.Handler's.
func (t *transport) Message(_ *websocket.Conn, data []byte, binary bool) {
	t.conn.receiveFrame(data, binary)
}

// Closed is websocket.Handler's.
func (t *transport) Closed(socket *websocket.Conn, cause error) { t.conn.socketClosed(socket, cause) }

// receiveFrame takes a message of the connection's WebSocket.
func (c *Conn) receiveFrame(data []byte, binary bool) {
	p := packet{kind: kindMessage, binary: true, data: data}
	if !binary {
		var err error
		if p, err = decodePacket(data); err != nil {
			c.end(ParseError, websocket.BadPacket)
			return
		}
	}
	c.receive(p)
}

// socketClosed is told that the connection's WebSocket ended.
func (c *Conn) socketClosed(socket *websocket.Conn, cause error) {
	if c.server.find(c.id) == c { // else it never began, or has ended
		c.endAt(socket.LastThere(), reasonOf(cause), websocket.Normal)
	}
}
