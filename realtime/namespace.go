package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/language"
	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

// namespace handles the sockets of Socket.IO.
type namespace struct{ server *Server }

// socketLink is the link of a Socket.IO socket.
type socketLink struct{ socket *socketio.Socket }

func (l socketLink) send(m *message)                { l.socket.Send(m.forSocketIO()) }
func (l socketLink) close(code websocket.CloseCode) { l.socket.CloseTransport(code) }

// Connect implements socketio.Namespace. A refused client gets the reason, and does not try again. If the lookup of its user fails,
// the connection is closed, and socket.io-client reconnects by itself.
func (n namespace) Connect(ctx context.Context, socket *socketio.Socket, r *http.Request, payload json.RawMessage) error {
	s := n.server
	limits, has := socket.Connection().Data.(*limits)
	if !has { // they outlive the connection's sockets: a new CONNECT counts as a join and resets nothing
		limits = newLimits(s.Rates)
		socket.Connection().Data = limits
	}
	if limits.take(time.Now(), len(payload), true) != admit {
		return &socketio.ConnectError{Message: "Too many connects"}
	}
	claimed, err := auth.ParseClaims(payload)
	if err != nil {
		return &socketio.ConnectError{Message: err.Error()}
	}
	if claimed.Token == "" {
		claimed.Token = auth.QueryClaims(r).Token
	}
	user, err := s.identify(ctx, r, claimed)
	if refused := auth.ConnectionError(""); errors.As(err, &refused) {
		return &socketio.ConnectError{Message: refused.Error()}
	}
	if err != nil {
		socket.CloseTransport(websocket.Internal)
		return err
	}
	socket.Data = newClient(socket.ID(), user, language.Preferred(r.Header.Values("Accept-Language")), socketLink{socket}, limits)
	return nil
}

// Connected implements socketio.Namespace.
func (n namespace) Connected(socket *socketio.Socket) { n.server.connected(clientOf(socket)) }

// Event implements socketio.Namespace. The data of an event is its first argument.
func (n namespace) Event(socket *socketio.Socket, event string, args socketio.Args, ack socketio.Ack) {
	var data json.RawMessage
	if len(args.JSON) > 0 {
		data = args.JSON[0]
	}
	bytes := len(event)
	for _, arg := range args.JSON {
		bytes += len(arg)
	}
	for _, attachment := range args.Binary {
		bytes += len(attachment)
	}
	var reply answer
	if ack.Wanted() {
		reply = func(data json.RawMessage) { ack.Send(data) }
	}
	n.server.handle(clientOf(socket), event, data, bytes, reply)
}

// Disconnected implements socketio.Namespace.
func (n namespace) Disconnected(socket *socketio.Socket, _ socketio.Reason, lastAlive time.Time) {
	s := n.server
	s.disconnected(clientOf(socket), s.Now().Add(-time.Since(lastAlive)))
}

// clientOf returns the client that Connect made for the socket.
func clientOf(socket *socketio.Socket) *client {
	return socket.Data.(*client)
}
