package realtime

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/closecode"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/language"
	"github.com/studycall/studycall/websocket"
)

// plainFrame is what comes over a plain WebSocket.
type plainFrame struct {
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
	Ack   *int64          `json:"ack"`
}

type connected struct {
	SocketID string `json:"socketId"`
}

// plain is a plain WebSocket, for one client.
type plain struct {
	server *Server
	client *client
}

// plainLink is a plain WebSocket as a client's link.
type plainLink struct{ conn *websocket.Conn }

func (l plainLink) send(m *message)                { l.conn.Send(m.forPlain()) }
func (l plainLink) close(code websocket.CloseCode) { l.conn.Close(code) }

// servePlain upgrades a request to a plain WebSocket, if its caller may connect.
func (s *Server) servePlain(w http.ResponseWriter, r *http.Request) {
	if err := s.admit(r); err != nil {
		s.answer(w, r, err)
		return
	}
	user, err := s.identify(r.Context(), r, queryClaims(r))
	if err != nil {
		s.answer(w, r, err)
		return
	}
	c := newClient(s.NewID(), user, language.Preferred(r.Header.Values("Accept-Language")), nil, newLimits(s.Rates))
	if err := s.plain.Serve(w, r, &plain{s, c}); err != nil {
		s.Log.Debug("no WebSocket", "error", err)
	}
}

// answer refuses an upgrade, in the shape in which REST refuses requests. Why somebody is not known is not told, as there.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, err error) {
	known := toClient(err)
	status := statusOf(known.Code)
	if errors.As(err, new(unknownCallerError)) {
		known, status = &domain.Error{Code: domain.AuthRequired}, http.StatusUnauthorized
	} else if known.Code == domain.ServerError {
		s.Log.Error("an upgrade failed", "error", err)
	}
	w.Header().Set("Content-Type", "application/json")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	refused := api.NewError(known, language.Speak(w.Header(), r))
	w.WriteHeader(status)
	_, _ = w.Write(append(encode(refused), '\n')) // fails only when the caller is gone
}

// statusOf is the status of a refused upgrade.
func statusOf(code domain.Code) int {
	switch code {
	case domain.InvalidRequest:
		return http.StatusBadRequest
	case domain.NotStudyMember:
		return http.StatusForbidden
	case domain.MethodNotAllowed:
		return http.StatusMethodNotAllowed
	case domain.ServerError:
		return http.StatusInternalServerError
	default:
		return http.StatusServiceUnavailable
	}
}

// Open implements websocket.Handler.
func (p *plain) Open(conn *websocket.Conn) {
	p.client.link = plainLink{conn}
	p.client.send(newMessage(eventConnected, connected{p.client.id}))
	p.server.clients.add(p.client)
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
	s.clients.remove(p.client)
	s.gone(p.client, s.Now().Add(-time.Since(conn.LastAlive())))
}
