package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/studycall/studycall/socketio/engineio"
	"github.com/studycall/studycall/websocket"
)

const (
	// maxRefused is how many CONNECTs of one client are refused before it is closed. socket.io-client does not try again by itself.
	maxRefused = 5
	// maxUnasked is how many answers one client may send to what it was not asked, before it is closed: answers come late, but
	// there are as many as there were questions.
	maxUnasked = 100
)

// client is one connection, with its sockets: one for each namespace. Its methods are called one at a time.
type client struct {
	server  *Server
	conn    *engineio.Conn
	request *http.Request
	timer   *time.Timer // for the first CONNECT
	sockets []*Socket   // a few at most
	partial *received   // waits for attachments
	refused int         // CONNECTs
	unasked int         // answers

	connection Connection
}

// Message is engineio.Handler's.
func (c *client) Message(_ *engineio.Conn, data []byte, binary bool) {
	switch err := c.take(data, binary); {
	case errors.Is(err, errTooLarge):
		c.conn.Close(websocket.TooBig)
	case err != nil:
		c.conn.Close(websocket.BadPacket)
	}
}

// take takes a packet's text or one of its attachments. A packet is handled when it is complete.
func (c *client) take(data []byte, binary bool) error {
	switch {
	case binary != (c.partial != nil): // text between attachments, or an attachment of nothing
		return errPacket
	case binary:
		p := c.partial
		if err := p.attach(data, c.server.config.MaxPayload); err != nil || len(p.binary) < p.attachments {
			return err
		}
		c.partial = nil
		if err := p.complete(); err != nil {
			return err
		}
		return c.handle(p)
	}
	p, rest, err := decodeHead(data)
	if err != nil {
		return err
	}
	s := c.find(p.namespace)
	if p.kind != kindConnect && s == nil { // before anything of it is kept
		return errPacket
	}
	if p.kind == kindConnectError || p.kind == kindAck && !s.hasAsked(p.id) {
		if c.unasked++; c.unasked > maxUnasked {
			c.conn.Close(websocket.RateLimited)
			return nil
		}
	}
	if err := p.take(rest); err != nil {
		return err
	}
	if p.attachments > 0 {
		p.await()
		c.partial = &p
		return nil
	}
	return c.handle(&p)
}

// handle does what a complete packet asks for.
func (c *client) handle(p *received) error {
	s := c.find(p.namespace)
	switch {
	case p.kind == kindConnect && (s == nil || s.is() != connected):
		c.connect(p.namespace, p.data)
		return nil
	case s == nil || p.kind == kindConnect: // left before its attachments came, or joined already
		return errPacket
	case s.is() != connected: // it was put out, and did not know yet
		return nil
	}
	switch p.kind {
	case kindDisconnect:
		s.leave(time.Now(), ClientDisconnect)
		s.tell()
		c.remove(s)
	case kindEvent:
		if p.list == nil {
			return errPacket
		}
		var ack Ack
		if p.hasID {
			ack = Ack{s, p.id}
		}
		s.handler.Event(s, p.event, Args{p.list[1:], p.binary}, ack)
	case kindAck:
		if p.hasID {
			s.answer(p.id, Args{p.list, p.binary}, nil)
		}
	}
	return nil
}

// connect lets the client into a namespace, if that lets it.
func (c *client) connect(namespace string, auth json.RawMessage) {
	handler := c.server.namespaces[namespace]
	if handler == nil {
		c.refuse(namespace, &ConnectError{Message: "Invalid namespace"})
		return
	}
	s := newSocket(c, namespace, handler)
	if err := c.ask(s, auth); err != nil {
		c.refuse(namespace, err)
		return
	}
	c.timer.Stop()
	if old := c.find(namespace); old != nil {
		old.tell()
		c.remove(old)
	}
	c.sockets = append(c.sockets, s)
	s.mu.Lock()
	s.state = connected
	c.conn.Send(encodePlain(kindConnect, namespace, []byte(`{"sid":"`+s.id+`"}`)).messages...)
	s.mu.Unlock()
	handler.Connected(s)
}

// ask asks the namespace, with a context that ends with the connection.
func (c *client) ask(s *Socket, auth json.RawMessage) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-c.conn.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	return s.handler.Connect(ctx, s, c.request, auth)
}

// refuse tells the client why it was not let in. One that asks again and again is closed.
func (c *client) refuse(namespace string, err error) {
	var known *ConnectError
	if !errors.As(err, &known) {
		c.server.config.Log.Error("connecting a client to a namespace", "namespace", namespace, "error", err)
		known = &ConnectError{Message: "server error"}
	}
	text, err := json.Marshal(struct {
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data,omitempty"`
	}{known.Message, known.Data})
	if err != nil {
		text = []byte(`{"message":"server error"}`) // Data is not JSON
	}
	c.conn.Send(encodePlain(kindConnectError, namespace, text).messages...)
	if c.refused++; c.refused >= maxRefused {
		c.conn.Close(websocket.RateLimited)
	}
}

// Closed is engineio.Handler's.
func (c *client) Closed(conn *engineio.Conn, reason engineio.Reason) {
	c.timer.Stop()
	for _, s := range c.sockets {
		s.leave(conn.LastThere(), reasonOf(reason))
		s.tell()
	}
}

func (c *client) find(namespace string) *Socket {
	for _, s := range c.sockets {
		if s.namespace == namespace {
			return s
		}
	}
	return nil
}

func (c *client) remove(gone *Socket) {
	for i, s := range c.sockets {
		if s == gone {
			c.sockets = append(c.sockets[:i], c.sockets[i+1:]...)
			return
		}
	}
}
