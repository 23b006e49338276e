package realtime

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/closecode"
	"github.com/studycall/studycall/language"
	"github.com/studycall/studycall/websocket"
)

// plainFrame is a message of a plain WebSocket's client.
type plainFrame struct {
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
	Ack   *int64          `json:"ack"`
}

type connected struct {
	SocketID string `json:"socketId"`
}

// plain handles one plain WebSocket.
type plain struct {
	server *Server
	client *client
}

// plainLink is the link of a plain WebSocket.
type plainLink struct{ conn *websocket.Conn }

func (l plainLink) send(m *message)                { l.conn.Send(m.forPlain()) }
func (l plainLink) close(code websocket.CloseCode) { l.conn.Close(code) }

// ServePlain upgrades a request to a plain WebSocket, if its user may connect. When it returns an error, it has not answered
// the request.
func (s *Server) ServePlain(w http.ResponseWriter, r *http.Request) error {
	if err := s.admit(r); err != nil {
		return err
	}
	user, err := s.identify(r.Context(), r, auth.QueryClaims(r))
	if err != nil {
		return err
	}
	c := newClient(s.NewID(), user, language.Preferred(r.Header.Values("Accept-Language")), nil, newLimits(s.Rates))
	if err := s.plain.Serve(w, r, &plain{s, c}); err != nil {
		s.Log.Debug("a request was not upgraded to a WebSocket", "error", err)
	}
	return nil
}

// Open implements websocket.Handler.
func (p *plain) Open(conn *websocket.Conn) {
	p.client.link = plainLink{conn}
	p.client.send(newMessage(eventConnected, connected{p.client.id}))
	p.server.connected(p.client)
}

// Message implements websocket.Handler.
func (p *plain) Message(conn *websocket.Conn, data []byte, binary bool) {
	var in plainFrame
	if binary || json.Unmarshal(data, &in) != nil || in.Event == "" {
		conn.Close(closecode.BadPacket)
		return
	}
	var reply answer
	if in.Ack != nil {
		id := strconv.FormatInt(*in.Ack, 10)
		reply = func(data json.RawMessage) {
			conn.Send(websocket.Text([]byte(`{"ack":`+id+`,"data":`), data, []byte(`}`)))
		}
	}
	p.server.handle(p.client, in.Event, in.Data, len(data), reply)
}

// Closed implements websocket.Handler.
func (p *plain) Closed(conn *websocket.Conn, _ error) {
	s := p.server
	s.disconnected(p.client, s.Now().Add(-time.Since(conn.LastAlive())))
}
