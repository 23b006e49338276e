package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

// open opens a WebSocket, and joins no namespace.
func (s *site) open(t *testing.T) *gorilla.Conn {
	t.Helper()
	conn, answer, err := gorilla.DefaultDialer.DialContext(t.Context(), "ws://"+s.address+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(patience)) // never fails
	if _, _, err := conn.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	return conn
}

// dial opens a WebSocket and joins the main namespace.
func (s *site) dial(t *testing.T) *gorilla.Conn {
	t.Helper()
	conn := s.open(t)
	send(t, conn, "40")
	if _, data, err := conn.ReadMessage(); err != nil || !strings.HasPrefix(string(data), `40{"sid":"`) {
		t.Fatalf("connected with %s, %v", data, err)
	}
	return conn
}

func send(t *testing.T, conn *gorilla.Conn, text string) {
	t.Helper()
	if err := conn.WriteMessage(gorilla.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// request makes a polling request; query is what follows the transport.
func (s *site) request(t *testing.T, method, query, body string) (status int, text string) {
	t.Helper()
	url := "http://" + s.address + "/socket.io/?EIO=4&transport=polling" + query
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(data)
}

// join opens a session on polling, and joins the main namespace.
func (s *site) join(t *testing.T) (sid string) {
	t.Helper()
	_, text := s.request(t, http.MethodGet, "", "")
	var open struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(text, "0")), &open); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	sid = "&sid=" + open.SID
	s.request(t, http.MethodPost, sid, "40")
	if _, text := s.request(t, http.MethodGet, sid, ""); !strings.HasPrefix(text, `40{"sid":"`) {
		t.Fatalf("connected with %s", text)
	}
	return sid
}

// Every way in which a socket ends: the reason, and when the client was last heard.
func TestReasons(t *testing.T) {
	t.Parallel()
	quick := socketio.Config{PingInterval: time.Second, PingTimeout: time.Second}
	for name, test := range map[string]struct {
		config socketio.Config
		do     func(t *testing.T, s *site, conn *gorilla.Conn)
		want   socketio.Reason
	}{
		"41":         {do: func(t *testing.T, _ *site, c *gorilla.Conn) { t.Helper(); send(t, c, "41") }, want: socketio.ClientDisconnect},
		"put out":    {do: func(t *testing.T, _ *site, c *gorilla.Conn) { t.Helper(); send(t, c, `42["put me out"]`) }, want: socketio.ServerDisconnect},
		"1":          {do: func(t *testing.T, _ *site, c *gorilla.Conn) { t.Helper(); send(t, c, "1") }, want: socketio.TransportClose},
		"broken":     {do: func(_ *testing.T, _ *site, c *gorilla.Conn) { _ = c.Close() }, want: socketio.TransportClose},
		"nonsense":   {do: func(t *testing.T, _ *site, c *gorilla.Conn) { t.Helper(); send(t, c, "4nonsense") }, want: socketio.ParseError},
		"too large":  {do: func(t *testing.T, _ *site, c *gorilla.Conn) { t.Helper(); send(t, c, strings.Repeat("x", 1_000_001)) }, want: socketio.ParseError},
		"drain":      {do: func(_ *testing.T, s *site, _ *gorilla.Conn) { go s.stop(websocket.Restart) }, want: socketio.ServerClose},
		"no answers": {config: quick, do: func(*testing.T, *site, *gorilla.Conn) {}, want: socketio.PingTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, test.config)
			before := time.Now()
			conn := s.dial(t)
			joined := time.Now()
			test.do(t, s, conn)
			end := wait(t, s.main.ended)
			if end.reason != test.want {
				t.Errorf("ended by %v, want %v", end.reason, test.want)
			}
			if end.heard.Before(before) || end.heard.After(time.Now()) || name == "no answers" && end.heard.After(joined) {
				t.Errorf("last heard %v ago", time.Since(end.heard))
			}
		})
	}
}

func TestLargeBodies(t *testing.T) {
	t.Parallel()
	s := start(t, socketio.Config{MaxPayload: 1000})
	sid := s.join(t)
	fits := `42["echo","` + strings.Repeat("x", 1000-13) + `"]`
	if status, text := s.request(t, http.MethodPost, sid, fits); status != http.StatusOK {
		t.Errorf("%d bytes: %d %s", len(fits), status, text)
	}
	if status, text := s.request(t, http.MethodPost, sid, fits+" "); status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d bytes: %d %s", len(fits)+1, status, text)
	}
	if end := wait(t, s.main.ended); end.reason != socketio.ParseError {
		t.Errorf("ended by %v", end.reason)
	}
}

func TestWhoIsNotLetIn(t *testing.T) {
	t.Parallel()
	s := start(t, socketio.Config{
		CheckOrigin: func(r *http.Request) bool { return r.URL.Query().Get("origin") != "bad" },
		Admit: func(r *http.Request) error {
			if r.URL.Query().Has("full") {
				return errors.New("full")
			}
			return nil
		},
	})
	for query, want := range map[string]string{
		"&origin=bad":  `403 {"code":4,"message":"Forbidden"}`,
		"&full":        `503 {"code":3,"message":"Service unavailable"}`,
		"&sid=unknown": `400 {"code":1,"message":"Session ID unknown"}`,
	} {
		if status, text := s.request(t, http.MethodGet, query, ""); want != strconv.Itoa(status)+" "+text {
			t.Errorf("%s: %d %s, want %s", query, status, text, want)
		}
	}
}

// Given a client on polling that does not fetch, when more waits for it than may, then it is closed, and who sends is
// not held up.
func TestSlowPollerIsClosed(t *testing.T) {
	t.Parallel()
	s := start(t, socketio.Config{QueueBytes: 1000})
	flood := socketio.EncodeEvent("/", "flood")
	s.main.event = func(socket *socketio.Socket, _ string, _ socketio.Args, _ socketio.Ack) {
		for range 101 {
			socket.Send(flood)
		}
	}
	sid := s.join(t)
	s.request(t, http.MethodPost, sid, `42["flood me"]`)
	if end := wait(t, s.main.ended); end.reason != socketio.ServerClose {
		t.Errorf("ended by %v", end.reason)
	}
	if status, _ := s.request(t, http.MethodGet, sid, ""); status != http.StatusBadRequest {
		t.Errorf("the poll after that: %d", status)
	}
}

// Given an event that is being handled, when the server closes, then Disconnected comes after it, and Close after that.
func TestCloseWaitsForHandlers(t *testing.T) {
	t.Parallel()
	s := start(t, socketio.Config{})
	entered, leave := make(chan struct{}), make(chan struct{})
	handled := make(chan struct{})
	s.main.event = func(*socketio.Socket, string, socketio.Args, socketio.Ack) {
		close(entered)
		<-leave
		close(handled)
	}
	send(t, s.dial(t), `42["slow"]`)
	wait(t, entered)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.server.Close(ctx, websocket.Restart); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("closing while an event is handled gave %v", err)
	}
	if len(s.main.ended) > 0 {
		t.Error("Disconnected came while an event was handled")
	}
	close(leave)
	wait(t, handled)
	if end := wait(t, s.main.ended); end.reason != socketio.ServerClose {
		t.Errorf("ended by %v", end.reason)
	}
}
