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

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

// open opens a WebSocket without a namespace.
func (s *testServer) open(t *testing.T) *gorilla.Conn {
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

// dial opens a WebSocket and connects to the main namespace.
func (s *testServer) dial(t *testing.T) *gorilla.Conn {
	t.Helper()
	conn := s.open(t)
	send(t, conn, "40")
	if _, data, err := conn.ReadMessage(); err != nil || !strings.HasPrefix(string(data), `40{"sid":"`) {
		t.Fatalf("the answer to CONNECT is %s, %v", data, err)
	}
	return conn
}

func send(t *testing.T, conn *gorilla.Conn, text string) {
	t.Helper()
	if err := conn.WriteMessage(gorilla.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// request sends a polling request. The query follows that of the transport.
func (s *testServer) request(t *testing.T, method, query, body string) (status int, text string) {
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

// join opens a session on polling and connects to the main namespace.
func (s *testServer) join(t *testing.T) (sid string) {
	t.Helper()
	_, text := s.request(t, http.MethodGet, "", "")
	var open struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(text, "0")), &open); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	sid = "&sid=" + open.SID
	s.request(t, http.MethodPost, sid, "40")
	if _, text := s.request(t, http.MethodGet, sid, ""); !strings.HasPrefix(text, `40{"sid":"`) {
		t.Fatalf("the answer to CONNECT is %s", text)
	}
	return sid
}

// Disconnected gets the reason and LastAlive, however the socket ends.
func TestDisconnectedGetsTheReasonAndTheTime(t *testing.T) {
	t.Parallel()
	fast := socketio.Config{PingInterval: time.Second, PingTimeout: time.Second}
	for name, test := range map[string]struct {
		config socketio.Config
		do     func(t *testing.T, s *testServer, conn *gorilla.Conn)
		want   socketio.Reason
	}{
		"41":           {do: func(t *testing.T, _ *testServer, c *gorilla.Conn) { t.Helper(); send(t, c, "41") }, want: socketio.ClientDisconnect},
		"disconnected": {do: func(t *testing.T, _ *testServer, c *gorilla.Conn) { t.Helper(); send(t, c, `42["disconnect me"]`) }, want: socketio.ServerDisconnect},
		"1":            {do: func(t *testing.T, _ *testServer, c *gorilla.Conn) { t.Helper(); send(t, c, "1") }, want: socketio.TransportClose},
		"broken":       {do: func(_ *testing.T, _ *testServer, c *gorilla.Conn) { _ = c.Close() }, want: socketio.TransportClose},
		"no packet":    {do: func(t *testing.T, _ *testServer, c *gorilla.Conn) { t.Helper(); send(t, c, "4invalid") }, want: socketio.ParseError},
		"too large": {do: func(t *testing.T, _ *testServer, c *gorilla.Conn) {
			t.Helper()
			send(t, c, strings.Repeat("x", 1_000_001))
		}, want: socketio.ParseError},
		"server closed": {do: func(_ *testing.T, s *testServer, _ *gorilla.Conn) { go s.stop(websocket.Restart) }, want: socketio.ServerClose},
		"no pongs":      {config: fast, do: func(*testing.T, *testServer, *gorilla.Conn) {}, want: socketio.PingTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, test.config)
			before := time.Now()
			conn := s.dial(t)
			joined := time.Now()
			test.do(t, s, conn)
			end := check.Receive(t, s.main.ended)
			if end.reason != test.want {
				t.Errorf("ended by %v, want %v", end.reason, test.want)
			}
			if end.lastAlive.Before(before) || end.lastAlive.After(time.Now()) || name == "no pongs" && end.lastAlive.After(joined) {
				t.Errorf("last alive %v ago", time.Since(end.lastAlive))
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
	if end := check.Receive(t, s.main.ended); end.reason != socketio.ParseError {
		t.Errorf("ended by %v", end.reason)
	}
}

func TestRefusedHandshakes(t *testing.T) {
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

// Given a client that does not poll, when its queue is full, then it is closed, and senders do not block.
func TestASlowPollerIsClosed(t *testing.T) {
	t.Parallel()
	s := start(t, socketio.Config{QueueBytes: 1000})
	flood := socketio.EncodeEvent("/", "flood", socketio.Args{})
	s.main.event = func(socket *socketio.Socket, _ string, _ socketio.Args, _ socketio.Ack) {
		for range 101 {
			socket.Send(flood)
		}
	}
	sid := s.join(t)
	s.request(t, http.MethodPost, sid, `42["flood"]`)
	if end := check.Receive(t, s.main.ended); end.reason != socketio.ServerClose {
		t.Errorf("ended by %v", end.reason)
	}
	if status, _ := s.request(t, http.MethodGet, sid, ""); status != http.StatusBadRequest {
		t.Errorf("the poll after the end got %d", status)
	}
}

// Given a running event handler, when the server closes, then Disconnected is called after it, and Close returns after that.
func TestCloseWaitsForHandlers(t *testing.T) {
	t.Parallel()
	s := start(t, socketio.Config{})
	entered, release := make(chan struct{}), make(chan struct{})
	handled := make(chan struct{})
	s.main.event = func(*socketio.Socket, string, socketio.Args, socketio.Ack) {
		close(entered)
		<-release
		close(handled)
	}
	send(t, s.dial(t), `42["slow"]`)
	check.Receive(t, entered)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.server.Close(ctx, websocket.Restart); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close during an event returned %v", err)
	}
	if len(s.main.ended) > 0 {
		t.Error("Disconnected was called during an event")
	}
	close(release)
	check.Receive(t, handled)
	if end := check.Receive(t, s.main.ended); end.reason != socketio.ServerClose {
		t.Errorf("ended by %v", end.reason)
	}
}
