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

// namespace makes clients of Socket.IO's sockets.
type namespace struct{ server *Server }

// socketLink is a Socket.IO socket as a client's link.
type socketLink struct{ socket *socketio.Socket }

func (l socketLink) send(m *message)                { l.socket.Send(m.forSocketIO()) }
func (l socketLink) close(code websocket.CloseCode) { l.socket.CloseTransport(code) }

// Connect implements socketio.Namespace. Who may not connect is told why, and does not try again; where that cannot be
// found out, the connection is closed, and socket.io-client tries again by itself.
func (n namespace) Connect(ctx context.Context, socket *socketio.Socket, r *http.Request, payload json.RawMessage) error {
	s := n.server
	limits := s.limitsOf(socket.Connection())
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

// limitsOf are those of a connection: leaving and coming back, which counts as a join, does not begin them anew.
func (s *Server) limitsOf(connection *socketio.Connection) *limits {
	l, has := connection.Data.(*limits)
	if !has {
		l = newLimits(s.Rates)
		connection.Data = l
	}
	return l
}

// Connected implements socketio.Namespace.
func (n namespace) Connected(socket *socketio.Socket) { n.server.connected(clientOf(socket)) }

// Event implements socketio.Namespace. Our events have one argument.
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
func (n namespace) Disconnected(socket *socketio.Socket, _ socketio.Reason, lastThere time.Time) {
	s := n.server
	s.disconnected(clientOf(socket), s.Now().Add(-time.Since(lastThere)))
}

// clientOf is what Connect made of the socket.
func clientOf(socket *socketio.Socket) *client {
	return socket.Data.(*client) // nothing else is put there
}
