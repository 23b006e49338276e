package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/studycall/studycall/socketio/engineio"
	"github.com/studycall/studycall/websocket"
)

const (
	// maxRefusals is how many CONNECTs of a client are refused before it is closed. socket.io-client does not try again by itself.
	maxRefusals = 5
	// maxUnrequestedAcks is how many acks and errors without a request a client may send before it is closed. An ack may come after its
	// timeout, but there are no more acks than events that ask for one.
	maxUnrequestedAcks = 100
)

// client is one connection with its sockets, one per namespace. Its methods are called one at a time.
type client struct {
	server          *Server
	conn            *engineio.Conn
	request         *http.Request
	timer           *time.Timer // closes the connection unless a CONNECT succeeds
	sockets         []*Socket   // few
	partial         *received   // the packet that waits for attachments
	refusals        int         // of CONNECTs
	unrequestedAcks int         // and errors

	connection Connection
}

// Message implements engineio.Handler.
func (c *client) Message(_ *engineio.Conn, data []byte, binary bool) {
	switch err := c.receive(data, binary); {
	case errors.Is(err, errTooLarge):
		c.conn.Close(websocket.TooBig)
	case err != nil:
		c.conn.Close(c.server.config.Codes.BadPacket)
	}
}

// receive takes a packet's text or one of its attachments. A packet is handled when it is complete.
func (c *client) receive(data []byte, binary bool) error {
	switch {
	case binary != (c.partial != nil): // a text instead of an attachment, or an attachment without a packet
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
	if p.kind != kindConnect && s == nil { // checked before any of its data is kept
		return errPacket
	}
	if p.kind == kindConnectError || p.kind == kindAck && !s.awaits(p.id) {
		if c.unrequestedAcks++; c.unrequestedAcks > maxUnrequestedAcks {
			c.conn.Close(c.server.config.Codes.Flooding)
			return nil
		}
	}
	if err := p.decodeData(rest); err != nil {
		return err
	}
	if p.attachments > 0 {
		p.list = nil // complete decodes it again: an element of the list is 24 bytes, of the text perhaps two
		c.partial = &p
		return nil
	}
	return c.handle(&p)
}

// handle handles a complete packet.
func (c *client) handle(p *received) error {
	s := c.find(p.namespace)
	switch {
	case p.kind == kindConnect && (s == nil || !s.isConnected()):
		c.connect(p.namespace, p.data)
		return nil
	case s == nil || p.kind == kindConnect: // left before the attachments came, or connected already
		return errPacket
	case !s.isConnected(): // the packet crossed with a DISCONNECT
		return nil
	}
	switch p.kind {
	case kindDisconnect:
		s.disconnect(ClientDisconnect, time.Now())
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
			s.acked(p.id, Args{p.list, p.binary}, nil)
		}
	}
	return nil
}

// connect connects the client to a namespace if the namespace allows it.
func (c *client) connect(namespace string, auth json.RawMessage) {
	handler := c.server.namespaces[namespace]
	if handler == nil {
		c.refuse(namespace, &ConnectError{Message: "Invalid namespace"})
		return
	}
	recovery := c.server.recovers(namespace)
	if recovery != nil && c.resume(namespace, recovery, auth) {
		return
	}
	s := newSocket(c, namespace, handler)
	if err := c.withContext(func(ctx context.Context) error { return handler.Connect(ctx, s, c.request, auth) }); err != nil {
		c.refuse(namespace, err)
		return
	}
	pid := ""
	if recovery != nil {
		pid = newPID()
		s.session = &session{namespace: recovery, key: keyOf(pid)}
		c.server.register(s)
	}
	c.enter(s)
	s.mu.Lock()
	s.state = connected
	c.conn.Send(connectAnswer(s, pid).messages...)
	s.mu.Unlock()
	handler.Connected(s)
}

// connectAnswer encodes the answer to a CONNECT. The pid is "" without recovery.
func connectAnswer(s *Socket, pid string) Packet {
	answer := `{"sid":"` + s.id + `"}`
	if pid != "" {
		answer = `{"sid":"` + s.id + `","pid":"` + pid + `"}`
	}
	return encodePlain(kindConnect, s.namespace, []byte(answer))
}

// enter adds a connected socket, in place of one of its namespace that was disconnected.
func (c *client) enter(s *Socket) {
	c.timer.Stop()
	if old := c.find(s.namespace); old != nil {
		old.notify()
		c.remove(old)
	}
	c.sockets = append(c.sockets, s)
}

// withContext calls call with a context that ends with the connection.
func (c *client) withContext(call func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-c.conn.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	return call(ctx)
}

// refuse answers a CONNECT with CONNECT_ERROR. A client that is refused too often is closed.
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
	if c.refusals++; c.refusals >= maxRefusals {
		c.conn.Close(c.server.config.Codes.Flooding)
	}
}

// Closed implements engineio.Handler.
func (c *client) Closed(conn *engineio.Conn, reason engineio.Reason) {
	c.timer.Stop()
	for _, s := range c.sockets {
		c.end(s, Reason(reason), conn.Cause(), conn.LastAlive())
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

func (c *client) remove(s *Socket) {
	c.sockets = slices.DeleteFunc(c.sockets, func(other *Socket) bool { return other == s })
}
