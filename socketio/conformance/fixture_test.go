package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = check.Timeout

// codes are the close codes of the servers.
var codes = websocket.Codes{}.WithDefaults()

// slow has intervals so long that no ping is sent and nothing times out.
func slow() socketio.Config {
	return socketio.Config{PingInterval: patience, PingTimeout: patience, ConnectTimeout: patience}
}

// beating sends pings, and nothing times out.
func beating() socketio.Config {
	return socketio.Config{PingInterval: pingInterval, PingTimeout: patience, ConnectTimeout: patience}
}

// testServer is a target on a real listener, at one of its two paths.
type testServer struct {
	url    string // with scheme http and the path
	client *http.Client
}

func start(t *testing.T, times socketio.Config, path string) *testServer {
	t.Helper()
	return startTarget(t, newTarget(times), path)
}

func startTarget(t *testing.T, target *target, path string) *testServer {
	t.Helper()
	server := httptest.NewServer(target)
	transport := &http.Transport{}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := target.close(ctx, websocket.Restart); err != nil {
			t.Errorf("closing: %v", err)
		}
		transport.CloseIdleConnections()
		server.Close()
	})
	return &testServer{server.URL + path, &http.Client{Transport: transport, Timeout: patience}}
}

// do sends a request with a query such as "EIO=4&transport=polling".
func (s *testServer) do(t *testing.T, method, query, body string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+"?"+query, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(data)
}

// expect sends a request of a session, and checks the answer; "*" matches any text.
func (s *testServer) expect(t *testing.T, method, sid, body string, status int, text string) {
	t.Helper()
	gotStatus, gotText := s.do(t, method, polling+"&sid="+sid, body)
	if gotStatus != status || text != "*" && gotText != text {
		t.Errorf("%s: %d %q, want %d %q", method, gotStatus, gotText, status, text)
	}
}

const (
	polling = "EIO=4&transport=polling"
	socket  = "EIO=4&transport=websocket"
)

// opening is the answer to the handshake.
type opening struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int      `json:"pingInterval"`
	PingTimeout  int      `json:"pingTimeout"`
	MaxPayload   int      `json:"maxPayload"`
}

func (s *testServer) openPolling(t *testing.T) (sid string) {
	t.Helper()
	status, text := s.do(t, http.MethodGet, polling, "")
	if status != http.StatusOK {
		t.Fatalf("the handshake got %d %s", status, text)
	}
	return parseOpening(t, text, []string{"websocket"}).SID
}

func parseOpening(t *testing.T, text string, upgrades []string) opening {
	t.Helper()
	var open opening
	decoder := json.NewDecoder(strings.NewReader(strings.TrimPrefix(text, "0")))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&open); err != nil || text[0] != '0' {
		t.Fatalf("the open packet is %q, %v", text, err)
	}
	if open.SID == "" || open.MaxPayload != 1_000_000 ||
		open.Upgrades == nil || strings.Join(open.Upgrades, " ") != strings.Join(upgrades, " ") {
		t.Fatalf("the open packet is %s", text)
	}
	return open
}

// conn is a WebSocket client.
type conn struct{ *gorilla.Conn }

func (s *testServer) dial(t *testing.T, query string) conn {
	t.Helper()
	c, answer, err := gorilla.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn{c}
}

// refused checks that the handshake of a WebSocket fails.
func (s *testServer) refused(t *testing.T, query string) {
	t.Helper()
	c, answer, err := gorilla.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"?"+query, nil)
	if err == nil {
		_ = c.Close()
		t.Errorf("%s was accepted", query)
		return
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("%s: status %d", query, answer.StatusCode)
	}
}

func (c conn) send(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := c.WriteMessage(gorilla.TextMessage, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

func (c conn) sendBinary(t *testing.T, data ...byte) {
	t.Helper()
	if err := c.WriteMessage(gorilla.BinaryMessage, data); err != nil {
		t.Fatal(err)
	}
}

// next returns the next message; binary data follows "b:".
func (c conn) next(t *testing.T) string {
	t.Helper()
	kind, data, err := c.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	if kind == gorilla.BinaryMessage {
		return "b:" + string(data)
	}
	return string(data)
}

// got checks the next messages, without pings.
func (c conn) got(t *testing.T, want ...string) {
	t.Helper()
	for _, text := range want {
		got := c.next(t)
		for got == "2" && text != "2" {
			got = c.next(t)
		}
		if got != text {
			t.Fatalf("got %q, want %q", got, text)
		}
	}
}

// closes reads until the connection is closed, and checks the code.
func (c conn) closes(t *testing.T, want websocket.CloseCode) {
	t.Helper()
	for {
		_, _, err := c.ReadMessage()
		if err == nil {
			continue
		}
		if !gorilla.IsCloseError(err, want.Number) {
			t.Errorf("closed with %v, want %d", err, want.Number)
		}
		return
	}
}
