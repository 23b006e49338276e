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

	"github.com/studycall/studycall/realtime/realtimetest"
	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = realtimetest.Patience

// slow are times that nothing takes: no heartbeat comes in between.
func slow() socketio.Config {
	return socketio.Config{PingInterval: patience, PingTimeout: patience, ConnectTimeout: patience}
}

// beating has heartbeats, and takes any time for an answer.
func beating() socketio.Config {
	return socketio.Config{PingInterval: pingInterval, PingTimeout: patience, ConnectTimeout: patience}
}

// site is a target over a real socket, at one of its two paths.
type site struct {
	url    string // of HTTP, with the path
	client *http.Client
}

func start(t *testing.T, times socketio.Config, path string) *site {
	t.Helper()
	return startTarget(t, newTarget(times), path)
}

func startTarget(t *testing.T, target *target, path string) *site {
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
	return &site{server.URL + path, &http.Client{Transport: transport, Timeout: patience}}
}

// do makes a request with a query such as "EIO=4&transport=polling".
func (s *site) do(t *testing.T, method, query, body string) (status int, text string) {
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

// expect makes a request of a session, and checks the answer; "*" is any.
func (s *site) expect(t *testing.T, method, sid, body string, status int, text string) {
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

// opening is the handshake's answer.
type opening struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int      `json:"pingInterval"`
	PingTimeout  int      `json:"pingTimeout"`
	MaxPayload   int      `json:"maxPayload"`
}

func (s *site) openPolling(t *testing.T) (sid string) {
	t.Helper()
	status, text := s.do(t, http.MethodGet, polling, "")
	if status != http.StatusOK {
		t.Fatalf("opening: %d %s", status, text)
	}
	return parseOpening(t, text, []string{"websocket"}).SID
}

func parseOpening(t *testing.T, text string, upgrades []string) opening {
	t.Helper()
	var open opening
	decoder := json.NewDecoder(strings.NewReader(strings.TrimPrefix(text, "0")))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&open); err != nil || text[0] != '0' {
		t.Fatalf("opened with %q, %v", text, err)
	}
	if open.SID == "" || open.MaxPayload != 1_000_000 ||
		open.Upgrades == nil || strings.Join(open.Upgrades, " ") != strings.Join(upgrades, " ") {
		t.Fatalf("opened with %s", text)
	}
	return open
}

// conn is a WebSocket client.
type conn struct{ *gorilla.Conn }

func (s *site) dial(t *testing.T, query string) conn {
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

// refused checks that a WebSocket does not come about.
func (s *site) refused(t *testing.T, query string) {
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

// next is the next frame, text as it is, binary behind "b:".
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

// got checks the next frames, pings left out.
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

// closes checks that the connection is closed, whatever comes before.
func (c conn) closes(t *testing.T, want websocket.CloseCode) {
	t.Helper()
	for {
		_, _, err := c.ReadMessage()
		if err == nil {
			continue
		}
		if !gorilla.IsCloseError(err, int(want)) {
			t.Errorf("closed with %v, want %d", err, want)
		}
		return
	}
}
