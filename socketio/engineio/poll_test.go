package engineio

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/studycall/studycall/realtime/realtimetest"
	"github.com/studycall/studycall/websocket"
)

// ended is a Handler that tells of the end alone.
type ended chan ending

type ending struct {
	reason Reason
	there  time.Time
}

func (e ended) Message(*Conn, []byte, bool)   {}
func (e ended) Closed(c *Conn, reason Reason) { e <- ending{reason, c.LastThere()} }

func (e ended) wait(t *testing.T) ending {
	t.Helper()
	return realtimetest.Receive(t, e)
}

// serve starts a server over a real socket, and gives the address for polling.
func serve(t *testing.T, config Config, accept func(*Conn, *http.Request) Handler) (*Server, string) {
	t.Helper()
	s := NewServer(config, accept)
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), realtimetest.Patience)
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

// open opens a connection, and gives the address of its polls.
func open(t *testing.T, url string) string {
	t.Helper()
	var opened opening
	if err := json.Unmarshal([]byte(get(t, url)[1:]), &opened); err != nil {
		t.Fatal(err)
	}
	return url + "&sid=" + opened.SID
}

// polls waits until the client's poll waits.
func polls(t *testing.T, c *Conn) {
	t.Helper()
	tick, late := time.NewTicker(time.Millisecond), time.After(realtimetest.Patience)
	defer tick.Stop()
	for waits := false; !waits; {
		select {
		case <-tick.C:
			c.mu.Lock()
			waits = c.polling.getting
			c.mu.Unlock()
		case <-late:
			t.Fatal("the client does not poll")
		}
	}
}

// Given a client that has had an answer, when it polls no more, then it is gone since it was last heard; one whose poll
// waits longer than that is not.
func TestWhoPollsNoMoreIsGone(t *testing.T) {
	t.Parallel()
	const gap = 2 * time.Second
	conns := make(chan *Conn, 2)
	ends := make(ended, 2)
	_, url := serve(t, Config{PollGap: gap}, func(c *Conn, _ *http.Request) Handler {
		conns <- c
		return ends
	})
	address := open(t, url)
	waiting := realtimetest.Receive(t, conns)
	text := make(chan string, 1)
	go func() { text <- get(t, address) }()
	polls(t, waiting)
	opening := time.Now()
	open(t, url)
	opened := time.Now()
	if end := ends.wait(t); end.reason != TransportClose || end.there.Before(opening) || end.there.After(opened) || time.Since(opening) < gap {
		t.Errorf("ended %v after it began to open: %+v", time.Since(opening), end)
	}
	waiting.Send(Text([]byte("still there")))
	if got := realtimetest.Receive(t, text); got != "4still there" {
		t.Errorf("who waits got %q", got)
	}
	ends.wait(t) // it polls no more, either
}

// Given a client that dies as a message comes for it, then its poll does not take the message, and it is gone at once.
func TestADeadPollTakesNothing(t *testing.T) {
	t.Parallel()
	conns := make(chan *Conn, 1)
	ends := make(ended, 1)
	s, url := serve(t, Config{PollGap: time.Hour}, func(c *Conn, _ *http.Request) Handler {
		conns <- c
		return ends
	})
	address := open(t, url)
	c := realtimetest.Receive(t, conns)
	c.Send(Text([]byte("hello")))
	dead, die := context.WithCancel(t.Context())
	die()
	polling := time.Now()
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, httptest.NewRequestWithContext(dead, http.MethodGet, address, nil))
	if answer.Body.Len() > 0 {
		t.Errorf("was answered %q", answer.Body)
	}
	if end := ends.wait(t); end.reason != TransportClose || end.there.Before(polling) {
		t.Errorf("ended as %+v", end)
	}
}
