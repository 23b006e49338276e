package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/websocket"
)

func TestMessagesOfAllSizes(t *testing.T) {
	t.Parallel()
	_, url := serve(t, websocket.Config{}, newRecorder(echo))
	conn := dial(t, url)
	for _, message := range []struct {
		kind int
		data string
	}{
		{gorilla.TextMessage, "hello"},
		{gorilla.TextMessage, "한국어 😀"},
		{gorilla.BinaryMessage, "\x00\xff\x80"},
		{gorilla.TextMessage, strings.Repeat("x", 125)},
		{gorilla.TextMessage, strings.Repeat("x", 126)},
		{gorilla.TextMessage, strings.Repeat("x", 65535)},
		{gorilla.BinaryMessage, strings.Repeat("x", 65536)},
		{gorilla.TextMessage, strings.Repeat("x", 1_000_000)},
	} {
		if err := conn.WriteMessage(message.kind, []byte(message.data)); err != nil {
			t.Fatal(err)
		}
		kind, data, err := conn.ReadMessage()
		if err != nil || kind != message.kind || string(data) != message.data {
			t.Fatalf("an echo of %d bytes of kind %d has %d bytes of kind %d, %v", len(message.data), message.kind, len(data), kind, err)
		}
	}
}

func TestMessagesSentInOpenAreTheFirst(t *testing.T) {
	t.Parallel()
	h := &greeter{recorder: newRecorder(echo)}
	_, url := serve(t, websocket.Config{}, h)
	if got := read(t, dial(t, url)); got != "welcome" {
		t.Errorf("the first message is %q", got)
	}
}

type greeter struct{ *recorder }

func (g *greeter) Open(c *websocket.Conn) { c.Send(websocket.Text([]byte("wel"), []byte("come"))) }

func TestMessagesOfEachSenderStayInOrder(t *testing.T) {
	t.Parallel()
	const senders, each = 8, 100
	h := newRecorder(nil)
	_, url := serve(t, websocket.Config{Queue: 2 * senders * each}, h)
	conn := dial(t, url)
	c := check.Receive(t, h.opened)
	for s := range senders {
		go func() {
			for i := range each {
				c.Send(websocket.Text(fmt.Appendf(nil, "%d %d a", s, i)), websocket.Text(fmt.Appendf(nil, "%d %d b", s, i)))
			}
		}()
	}
	next := [senders]int{}
	for range senders * each {
		var s, i int
		first := read(t, conn)
		if _, err := fmt.Sscanf(first, "%d %d a", &s, &i); err != nil || i != next[s] {
			t.Fatalf("got %q, want message %d", first, next[s])
		}
		if second := read(t, conn); second != fmt.Sprintf("%d %d b", s, i) {
			t.Fatalf("%q came between two frames of one Send", second)
		}
		next[s]++
	}
}

// Given the deadlines of an HTTP server, when they have passed, then the connection is still open.
func TestDeadlinesOfTheHTTPServerAreCleared(t *testing.T) {
	t.Parallel()
	const limit = time.Second
	_, url := serve(t, websocket.Config{}, newRecorder(echo), func(s *httptest.Server) {
		s.Config.ReadTimeout, s.Config.WriteTimeout = limit, limit
	})
	conn := dial(t, url)
	later, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://")) // is closed by the HTTP server at its deadline
	if err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	_ = later.SetReadDeadline(time.Now().Add(patience)) // never fails
	if _, err := later.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("the HTTP server did not close a connection without a request: %v", err)
	}
	if err := conn.WriteMessage(gorilla.TextMessage, []byte("still open")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, conn); got != "still open" {
		t.Errorf("got %q", got)
	}
}

func TestLastReadIsWhenBytesCame(t *testing.T) {
	t.Parallel()
	h := newRecorder(echo)
	_, url := serve(t, websocket.Config{}, h)
	dialling := time.Now()
	conn := dial(t, url)
	c := check.Receive(t, h.opened)
	before := time.Now()
	if last := c.LastRead(); last.Before(dialling) || last.After(before) {
		t.Errorf("last read at %v, want between %v and %v", last, dialling, before)
	}
	if err := conn.WriteMessage(gorilla.TextMessage, []byte("x")); err != nil {
		t.Fatal(err)
	}
	read(t, conn)
	if last := c.LastRead(); last.Before(before) || last.After(time.Now()) {
		t.Errorf("last read at %v, want between %v and now", last, before)
	}
}

func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	none := func(*http.Request) bool { return false }
	for name, test := range map[string]struct {
		config websocket.Config
		header http.Header
		status int
	}{
		"not an upgrade": {websocket.Config{}, http.Header{}, http.StatusBadRequest},
		"another origin": {websocket.Config{CheckOrigin: none}, http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
			"Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="}, "Origin": {"https://evil.example"},
		}, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newRecorder(nil)
			s, url := serve(t, test.config, h)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http"+strings.TrimPrefix(url, "ws"), nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header = test.header
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != test.status {
				t.Errorf("status %d, want %d", answer.StatusCode, test.status)
			}
			if len(h.opened) > 0 || len(h.closed) > 0 {
				t.Error("the handler was called for a refused request")
			}
			closeServer(t, s)
		})
	}
}

func TestAClosedServerRefusesConnections(t *testing.T) {
	t.Parallel()
	h := newRecorder(nil)
	s, url := serve(t, websocket.Config{}, h)
	conn := dial(t, url)
	check.Receive(t, h.opened)
	done := make(chan error, 1)
	go func() { done <- s.Close(t.Context(), websocket.Restart) }()
	checkClose(t, conn, websocket.Restart)
	if cause := check.Receive(t, h.closed); !errors.Is(cause, websocket.Restart) {
		t.Errorf("the cause is %v", cause)
	}
	if err := check.Receive(t, done); err != nil {
		t.Error(err)
	}
	_, answer, err := gorilla.DefaultDialer.DialContext(t.Context(), url, nil)
	if err == nil || answer == nil {
		t.Fatalf("a closed server answered %v, %v", answer, err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a closed server answered %d", answer.StatusCode)
	}
}

// Given a peer that does not answer a close frame, when the context of Close ends, then the peer is cut.
func TestCloseEndsWithItsContext(t *testing.T) {
	t.Parallel()
	h := newRecorder(nil)
	s, url := serve(t, websocket.Config{}, h)
	_ = dial(t, url) // never reads, so it never answers the close frame
	check.Receive(t, h.opened)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx, websocket.Restart); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close returned %v", err)
	}
	if cause := check.Receive(t, h.closed); !errors.Is(cause, websocket.Restart) {
		t.Errorf("the cause is %v", cause)
	}
}

func TestPayloadOfFrames(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 125, 126, 65535, 65536} {
		data := bytes.Repeat([]byte("x"), size)
		for frame, binary := range map[*websocket.Frame]bool{ptr(websocket.Text(data)): false, ptr(websocket.Binary(data)): true} {
			if !bytes.Equal(frame.Payload(), data) || frame.IsBinary() != binary {
				t.Errorf("a frame of %d bytes has a payload of %d, binary: %v", size, len(frame.Payload()), frame.IsBinary())
			}
		}
	}
}

func ptr[T any](value T) *T { return &value }
