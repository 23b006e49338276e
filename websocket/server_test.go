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

	"github.com/studycall/studycall/websocket"
)

func TestMessagesComeBackAsTheyWent(t *testing.T) {
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
			t.Fatalf("%d bytes of kind %d came back as %d bytes of kind %d, %v", len(message.data), message.kind, len(data), kind, err)
		}
	}
}

func TestWhatIsSentOnOpeningComesFirst(t *testing.T) {
	t.Parallel()
	h := &greeter{recorder: newRecorder(echo)}
	_, url := serve(t, websocket.Config{}, h)
	if got := read(t, dial(t, url)); got != "welcome" {
		t.Errorf("first came %q", got)
	}
}

type greeter struct{ *recorder }

func (g *greeter) Open(c *websocket.Conn) { c.Send(websocket.Text([]byte("wel"), []byte("come"))) }

func TestSeveralSendersKeepTheirOrder(t *testing.T) {
	t.Parallel()
	const senders, each = 8, 100
	h := newRecorder(nil)
	_, url := serve(t, websocket.Config{Queue: 2 * senders * each}, h)
	conn := dial(t, url)
	c := wait(t, h.opened)
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
			t.Fatalf("%q came when %d was due", first, next[s])
		}
		if second := read(t, conn); second != fmt.Sprintf("%d %d b", s, i) {
			t.Fatalf("%q came between what was sent together", second)
		}
		next[s]++
	}
}

// Given the deadlines of an HTTP server, when they have passed, then the connection is still there.
func TestDeadlinesOfTheHTTPServerAreCleared(t *testing.T) {
	t.Parallel()
	const limit = time.Second
	_, url := serve(t, websocket.Config{}, newRecorder(echo), func(s *httptest.Server) {
		s.Config.ReadTimeout, s.Config.WriteTimeout = limit, limit
	})
	conn := dial(t, url)
	later, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://")) // is cut off when its deadline has passed
	if err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	_ = later.SetReadDeadline(time.Now().Add(patience)) // never fails
	if _, err := later.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("who sends nothing is not cut off: %v", err)
	}
	if err := conn.WriteMessage(gorilla.TextMessage, []byte("still there")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, conn); got != "still there" {
		t.Errorf("got %q", got)
	}
}

func TestLastHeardIsWhenBytesCame(t *testing.T) {
	t.Parallel()
	h := newRecorder(echo)
	_, url := serve(t, websocket.Config{}, h)
	dialling := time.Now()
	conn := dial(t, url)
	c := wait(t, h.opened)
	before := time.Now()
	if heard := c.LastHeard(); heard.Before(dialling) || heard.After(before) {
		t.Errorf("heard at %v, want between %v and %v", heard, dialling, before)
	}
	if err := conn.WriteMessage(gorilla.TextMessage, []byte("x")); err != nil {
		t.Fatal(err)
	}
	read(t, conn)
	if heard := c.LastHeard(); heard.Before(before) || heard.After(time.Now()) {
		t.Errorf("heard at %v, want between %v and now", heard, before)
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
				t.Error("the handler was told of a connection that never was")
			}
			closeServer(t, s)
		})
	}
}

func TestClosedServerTakesNobody(t *testing.T) {
	t.Parallel()
	h := newRecorder(nil)
	s, url := serve(t, websocket.Config{}, h)
	conn := dial(t, url)
	wait(t, h.opened)
	done := make(chan error, 1)
	go func() { done <- s.Close(t.Context(), websocket.Restart) }()
	checkClose(t, conn, websocket.Restart)
	if cause := wait(t, h.closed); !errors.Is(cause, websocket.Restart) {
		t.Errorf("the handler was told %v", cause)
	}
	if err := wait(t, done); err != nil {
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

// Given a peer that hears nothing, when the server has no time to wait for it, then it is cut off.
func TestCloseDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	h := newRecorder(nil)
	s, url := serve(t, websocket.Config{}, h)
	_ = dial(t, url) // and never reads, so it never answers the close
	wait(t, h.opened)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx, websocket.Restart); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("closing gave %v", err)
	}
	if cause := wait(t, h.closed); !errors.Is(cause, websocket.Restart) {
		t.Errorf("the handler was told %v", cause)
	}
}

func TestFrameKnowsItsPayload(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 125, 126, 65535, 65536} {
		data := bytes.Repeat([]byte("x"), size)
		for frame, binary := range map[*websocket.Frame]bool{ptr(websocket.Text(data)): false, ptr(websocket.Binary(data)): true} {
			if !bytes.Equal(frame.Payload(), data) || frame.IsBinary() != binary {
				t.Errorf("a frame of %d bytes has %d, binary: %v", size, len(frame.Payload()), frame.IsBinary())
			}
		}
	}
}

func ptr[T any](value T) *T { return &value }
