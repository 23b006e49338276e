package engineio

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/websocket"
)

// ended is a Handler that sends the end of its connections to a channel.
type ended chan ending

type ending struct {
	reason    Reason
	lastAlive time.Time
}

func (e ended) Message(*Conn, []byte, bool)   {}
func (e ended) Closed(c *Conn, reason Reason) { e <- ending{reason, c.LastAlive()} }

func (e ended) wait(t *testing.T) ending {
	t.Helper()
	return check.Receive(t, e)
}

// serve starts a server on a real listener, and returns the URL of its handshake.
func serve(t *testing.T, config Config, accept func(*Conn, *http.Request) Handler) (*Server, string) {
	t.Helper()
	s := NewServer(config, accept)
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), check.Timeout)
		defer cancel()
		if err := s.Close(ctx, websocket.Restart); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return s, server.URL + "/?EIO=4&transport=polling"
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// open opens a connection, and returns the URL of its polls.
func open(t *testing.T, url string) string {
	t.Helper()
	var opened opening
	if err := json.Unmarshal([]byte(get(t, url)[1:]), &opened); err != nil {
		t.Fatal(err)
	}
	return url + "&sid=" + opened.SID
}

// awaitPoll waits until a poll of the peer waits.
func awaitPoll(t *testing.T, c *Conn) {
	t.Helper()
	check.Eventually(t, "a poll waits", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.polling.inPoll
	})
}

// Given a peer that stops polling, when PollGap has passed, then its connection ends, and LastAlive is its last request. A peer
// whose poll waits longer than PollGap stays connected.
func TestAPeerThatStopsPollingIsClosed(t *testing.T) {
	t.Parallel()
	const gap = 2 * time.Second
	conns := make(chan *Conn, 2)
	ends := make(ended, 2)
	_, url := serve(t, Config{PollGap: gap}, func(c *Conn, _ *http.Request) Handler {
		conns <- c
		return ends
	})
	address := open(t, url)
	waiting := check.Receive(t, conns)
	text := make(chan string, 1)
	go func() { text <- get(t, address) }()
	awaitPoll(t, waiting)
	opening := time.Now()
	open(t, url)
	opened := time.Now()
	if end := ends.wait(t); end.reason != TransportClose || end.lastAlive.Before(opening) || end.lastAlive.After(opened) || time.Since(opening) < gap {
		t.Errorf("ended %v after the handshake began: %+v", time.Since(opening), end)
	}
	waiting.Send(Text([]byte("still open")))
	if got := check.Receive(t, text); got != "4still open" {
		t.Errorf("the waiting poll got %q", got)
	}
	ends.wait(t) // it has stopped polling as well
}

// Given a poll whose HTTP connection has broken, when a message waits, then the poll does not take it, and the connection ends.
func TestABrokenPollTakesNoMessage(t *testing.T) {
	t.Parallel()
	conns := make(chan *Conn, 1)
	ends := make(ended, 1)
	s, url := serve(t, Config{PollGap: time.Hour}, func(c *Conn, _ *http.Request) Handler {
		conns <- c
		return ends
	})
	address := open(t, url)
	c := check.Receive(t, conns)
	c.Send(Text([]byte("hello")))
	broken, cancel := context.WithCancel(t.Context())
	cancel()
	polling := time.Now()
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, httptest.NewRequestWithContext(broken, http.MethodGet, address, nil))
	if answer.Body.Len() > 0 {
		t.Errorf("the answer is %q", answer.Body)
	}
	if end := ends.wait(t); end.reason != TransportClose || end.lastAlive.Before(polling) {
		t.Errorf("ended as %+v", end)
	}
}
