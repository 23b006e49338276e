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

// upgrade requests a WebSocket, with headers as pairs of name and value. body is empty unless the upgrade is refused.
func upgrade(t *testing.T, address, path string, headers ...string) (status int, header http.Header, body string) {
	t.Helper()
	header = http.Header{}
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(address, "http", "ws", 1)+path, header)
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

// Every answer, also of sockets and feeds, has a request id and the common headers. A caller without sign-in gets the same answer
// everywhere, byte for byte.
func TestEveryRouteSharesHeadersAndTheUnauthorizedAnswer(t *testing.T) {
	t.Parallel()
	address, client := serveInProcess(t, io.Discard, nil, "--database-url="+exampleURL(t), "--allowed-origins=https://app.example.com"), newClient(t)
	unknown := get(t, client, address+statusURL, "Origin", "https://app.example.com")
	wantHeaders := func(name string, header http.Header) {
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
	wantHeaders("REST", unknown.Header)
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
		wantHeaders(path, header)
	}
	for _, path := range []string{"/ws", eventsPath} {
		status, header, body := upgrade(t, address, path, "Origin", "https://app.example.com")
		if status != http.StatusUnauthorized || body != unknown.Raw {
			t.Errorf("%s: %d %s, want %s", path, status, body, unknown.Raw)
		}
		stable := func(header http.Header) http.Header {
			header = maps.Clone(header)
			for _, name := range []string{"Date", "X-Request-Id", "Connection"} {
				header.Del(name)
			}
			return header
		}
		if got, want := fmt.Sprint(stable(header)), fmt.Sprint(stable(unknown.Header)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
		check.Eventually(t, path+" is upgraded", func() bool { // the feed answers 503 until the server follows the log
			status, header, _ = upgrade(t, address, path, "Origin", "https://app.example.com", auth.DevHeader, "user-456", "X-Request-Id", "mine-1")
			return status == http.StatusSwitchingProtocols
		})
		if header.Get("X-Request-Id") != "mine-1" {
			t.Errorf("%s: %v", path, header)
		}
		wantHeaders(path, header)
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

// An address gets a limited number of new connections, and 429 for more. Its open connections still work, and other addresses
// are not affected.
func TestAFloodOfHandshakesIsLimitedByAddress(t *testing.T) {
	t.Parallel()
	skipInShort(t, "3 s")
	address, client := serveInProcess(t, io.Discard, nil, "--database-url="+postgrestest.NewURL(t), "--trusted-proxies=127.0.0.1/32", "--auth=nextauth",
		"--nextauth-secret="+secretText), newClient(t)
	requestFrom := func(from, method, path, body string) (int, http.Header, string) {
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
	status, _, opened := requestFrom(flooder, http.MethodGet, handshakePath, "")
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
				status, header, body := requestFrom(flooder, http.MethodGet, handshakePath, "")
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
		if status, _, body := requestFrom(flooder, http.MethodPost, handshakePath+"&sid="+open.SID, "3"); status != http.StatusOK {
			t.Fatalf("a post of the open connection: %d %s", status, body)
		}
	}
	// The address may open 25 per second again. It opens more, concurrently and without sign-in.
	check.Eventually(t, "a WebSocket from the flooding address is refused", func() bool {
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
	if status, _, body := requestFrom("203.0.113.8", http.MethodGet, handshakePath, ""); status != http.StatusOK {
		t.Errorf("a handshake from another address: %d %s", status, body)
	}
	socket, err := realtimetest.Dial(t, address, realtimetest.Options{Header: http.Header{"X-Forwarded-For": {"203.0.113.9"}}})
	if err == nil {
		socket.Drop()
		t.Error("a socket without sign-in is accepted")
	} else if !strings.Contains(err.Error(), "Authentication required") {
		t.Errorf("a socket from another address: %v", err)
	}
}
