package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/realtime/realtimetest"
)

const (
	handshakePath = "/socket.io/?EIO=4&transport=polling"
	eventsPath    = "/api/my-studies/study-123/video-call/events"
)

// upgrade asks for a WebSocket, with headers "Name: value" as pairs. The body is that of a refusal.
func upgrade(t *testing.T, address, path string, headers ...string) (status int, header http.Header, body string) {
	t.Helper()
	asked := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		asked.Set(headers[i], headers[i+1])
	}
	conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(address, "http", "ws", 1)+path, asked)
	if response == nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer func() { _ = response.Body.Close() }()
	if err == nil {
		_ = conn.Close()
		return response.StatusCode, response.Header, ""
	}
	refusal, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(refusal)
}

// TestOneEdgeInFrontOfAll: whatever answers, sockets too, does so with a request id and the headers of every answer, and who
// is unknown is answered byte for byte alike.
func TestOneEdgeInFrontOfAll(t *testing.T) {
	t.Parallel()
	address, client := serveInProcess(t, io.Discard, nil, "--database-url="+exampleURL(t), "--allowed-origins=https://app.example.com"), newClient(t)
	unknown := get(t, client, address+statusURL, "Origin", "https://app.example.com")
	wanted := func(name string, header http.Header) {
		t.Helper()
		for key, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
			"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-site", "Cache-Control": "no-store",
			"Access-Control-Allow-Origin": "https://app.example.com", "Access-Control-Allow-Credentials": "true",
		} {
			if got := header.Values(key); len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want)
			}
		}
		if header.Get("X-Request-Id") == "" || header.Get("Vary") == "" {
			t.Errorf("%s: %v", name, header)
		}
	}
	wanted("REST", unknown.Header)
	plain := func(path string, headers ...string) (int, http.Header) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Origin", "https://app.example.com")
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		return response.StatusCode, response.Header
	}
	for path, want := range map[string]int{handshakePath: 200, handshakePath + "&sid=none": 400, "/socket.io/": 400, "/ws": 401, eventsPath: 401} {
		status, header := plain(path)
		if status != want {
			t.Errorf("%s: %d", path, status)
		}
		wanted(path, header)
	}
	for _, path := range []string{"/ws", eventsPath} {
		status, header, body := upgrade(t, address, path, "Origin", "https://app.example.com")
		if status != http.StatusUnauthorized || body != unknown.Raw {
			t.Errorf("%s: %d %s, want %s", path, status, body, unknown.Raw)
		}
		named := func(header http.Header) http.Header {
			header = maps.Clone(header)
			for _, each := range []string{"Date", "X-Request-Id", "Connection"} {
				header.Del(each)
			}
			return header
		}
		if got, want := fmt.Sprint(named(header)), fmt.Sprint(named(unknown.Header)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
		check.Eventually(t, path+" is upgraded", func() bool { // the feed is 503 until the server follows the log
			status, header, _ = upgrade(t, address, path, "Origin", "https://app.example.com", auth.DevHeader, "user-456", "X-Request-Id", "mine-1")
			return status == http.StatusSwitchingProtocols
		})
		if header.Get("X-Request-Id") != "mine-1" {
			t.Errorf("%s: %v", path, header)
		}
		wanted(path, header)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, address+handshakePath, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", "https://app.example.com")
	request.Header.Set("Access-Control-Request-Method", "POST")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusNoContent || !strings.Contains(response.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("a preflight: %d %v", response.StatusCode, response.Header)
	}
}

// TestAFloodOfHandshakes: an address gets so many connections, and is told to wait for more; what it has open goes on, and
// another's people notice nothing.
func TestAFloodOfHandshakes(t *testing.T) {
	t.Parallel()
	skipInShort(t, "3 s")
	address, client := serveInProcess(t, io.Discard, nil, "--database-url="+postgrestest.NewURL(t), "--trusted-proxies=127.0.0.1/32", "--auth=nextauth",
		"--nextauth-secret="+secretText), newClient(t)
	as := func(from, method, path, body string) (int, http.Header, string) {
		request, err := http.NewRequestWithContext(t.Context(), method, address+path, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0, nil, ""
		}
		request.Header.Set("X-Forwarded-For", from)
		response, err := client.Do(request)
		if err != nil {
			t.Error(err)
			return 0, nil, ""
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Error(err)
		}
		return response.StatusCode, response.Header, string(text)
	}
	const flooder = "203.0.113.7"
	status, _, opened := as(flooder, http.MethodGet, handshakePath, "")
	var open struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(opened, "0")), &open); status != http.StatusOK || err != nil || open.SID == "" {
		t.Fatalf("the first handshake: %d %s", status, opened)
	}

	began := time.Now()
	var mu sync.Mutex
	statuses := map[int]int{}
	var flood sync.WaitGroup
	for range 32 {
		flood.Go(func() {
			for range 4000 / 32 {
				status, header, body := as(flooder, http.MethodGet, handshakePath, "")
				mu.Lock()
				statuses[status]++
				mu.Unlock()
				if status == http.StatusTooManyRequests && (header.Get("Retry-After") == "" || !strings.Contains(body, `"RATE_LIMITED"`)) {
					t.Errorf("refused with %v %s", header, body)
				}
			}
		})
	}
	flood.Wait()
	most := 400 + int(25*time.Since(began).Seconds()) + 1
	if statuses[200]+statuses[429] != 4000 || statuses[200] > most || statuses[200] < 300 {
		t.Errorf("of 4000 handshakes: %v, want at most %d", statuses, most)
	}
	for range 90 {
		if status, _, body := as(flooder, http.MethodPost, handshakePath+"&sid="+open.SID, "3"); status != http.StatusOK {
			t.Fatalf("a post of the open connection: %d %s", status, body)
		}
	}
	// It may open 25 a second again, and asks for more, many at once; none of them knows who asks.
	check.Eventually(t, "a WebSocket of the flooder's is refused", func() bool {
		var refused atomic.Bool
		for range 32 {
			flood.Go(func() {
				status, _, body := upgrade(t, address, "/ws", "X-Forwarded-For", flooder)
				if status == http.StatusTooManyRequests && strings.Contains(body, `"RATE_LIMITED"`) {
					refused.Store(true)
				}
			})
		}
		flood.Wait()
		return refused.Load()
	})
	if status, _, body := as("203.0.113.8", http.MethodGet, handshakePath, ""); status != http.StatusOK {
		t.Errorf("another's handshake: %d %s", status, body)
	}
	socket, err := realtimetest.Dial(t, address, realtimetest.Options{Header: http.Header{"X-Forwarded-For": {"203.0.113.9"}}})
	if err == nil {
		socket.Drop()
		t.Error("nobody is let in")
	} else if !strings.Contains(err.Error(), "Authentication required") {
		t.Errorf("another's socket: %v", err)
	}
}
