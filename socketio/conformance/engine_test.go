package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/socketio/engineio"
	"github.com/studycall/studycall/websocket"
)

// both runs a test at both paths: the Socket.IO server contains an Engine.IO server.
func both(t *testing.T, times socketio.Config, test func(t *testing.T, s *testServer)) {
	t.Helper()
	for _, path := range []string{"/engine.io/", "/socket.io/"} {
		t.Run(path[1:10], func(t *testing.T) {
			t.Parallel()
			test(t, start(t, times, path))
		})
	}
}

func TestHandshakeOpensASession(t *testing.T) {
	t.Parallel()
	both(t, suiteTimes(), func(t *testing.T, s *testServer) {
		t.Helper()
		s.openPolling(t)
		if open := parseOpening(t, s.dial(t, socket).next(t), nil); open.PingInterval != 300 || open.PingTimeout != 200 {
			t.Errorf("the open packet is %+v", open)
		}
	})
}

func TestHandshakeFailsWithInvalidParameters(t *testing.T) {
	t.Parallel()
	both(t, slow(), func(t *testing.T, s *testServer) {
		t.Helper()
		for _, query := range []string{"transport=polling", "EIO=abc&transport=polling", "EIO=4", "EIO=4&transport=abc"} {
			if status, text := s.do(t, http.MethodGet, query, ""); status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", query, status, text)
			}
		}
		for _, query := range []string{"transport=websocket", "EIO=abc&transport=websocket", "EIO=4", "EIO=4&transport=abc"} {
			s.refused(t, query)
		}
	})
}

func TestHandshakeFailsWithAnInvalidMethod(t *testing.T) {
	t.Parallel()
	both(t, slow(), func(t *testing.T, s *testServer) {
		t.Helper()
		for _, method := range []string{http.MethodPost, http.MethodPut} {
			if status, _ := s.do(t, method, polling, ""); status != http.StatusBadRequest {
				t.Errorf("%s: %d", method, status)
			}
		}
	})
}

func TestPollingEchoesPayloads(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"4hello", "4test1\x1e4test2\x1e4test3", "4hello\x1ebAQIDBA=="} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			s := start(t, slow(), "/engine.io/")
			sid := s.openPolling(t)
			s.expect(t, http.MethodPost, sid, body, http.StatusOK, "ok")
			s.expect(t, http.MethodGet, sid, "", http.StatusOK, body)
		})
	}
}

func TestPollingClosesUponInvalidPacketFormat(t *testing.T) {
	t.Parallel()
	s := start(t, slow(), "/engine.io/")
	sid := s.openPolling(t)
	s.expect(t, http.MethodPost, sid, "abc", http.StatusBadRequest, "*")
	s.expect(t, http.MethodGet, sid, "", http.StatusBadRequest, `{"code":1,"message":"Session ID unknown"}`)
}

func TestPollingClosesUponDuplicatePolls(t *testing.T) {
	t.Parallel()
	s := start(t, slow(), "/engine.io/")
	sid := s.openPolling(t)
	first := make(chan string, 1)
	go func() {
		_, text := s.do(t, http.MethodGet, polling+"&sid="+sid, "")
		first <- text
	}()
	// Either may arrive first: the first gets a close packet, the second is refused.
	status, text := s.do(t, http.MethodGet, polling+"&sid="+sid+"&t=burst", "")
	other := check.Receive(t, first)
	if status == http.StatusOK {
		text, other = other, text
	}
	if other != "1" || text != `{"code":3,"message":"Bad request"}` {
		t.Errorf("the answers are %q and %q", other, text)
	}
	s.expect(t, http.MethodGet, sid, "", http.StatusBadRequest, "*")
}

// No timeout closes the session here.
func TestPollingClosesUponCancelledPoll(t *testing.T) {
	t.Parallel()
	target := newTarget(slow())
	target.engine = engineio.NewServer(engineio.Config{PollGap: time.Hour}, func(*engineio.Conn, *http.Request) engineio.Handler { return echo{} })
	s := startTarget(t, target, "/engine.io/")
	_, text := s.do(t, http.MethodGet, polling, "")
	var open opening
	if err := json.Unmarshal([]byte(text[1:]), &open); err != nil {
		t.Fatal(err)
	}
	address := strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/engine.io/")
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c, "GET /engine.io/?%s&sid=%s HTTP/1.1\r\nHost: x\r\n\r\n", polling, open.SID); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	check.Eventually(t, "the session is closed", func() bool {
		var status int
		status, text = s.do(t, http.MethodPost, polling+"&sid="+open.SID, "6") // a noop: an echo would answer the poll
		return status == http.StatusBadRequest
	})
	if text != `{"code":1,"message":"Session ID unknown"}` {
		t.Errorf("a post to the closed session got %s", text)
	}
}

func TestWebSocketEchoes(t *testing.T) {
	t.Parallel()
	s := start(t, slow(), "/engine.io/")
	c := s.dial(t, socket)
	c.next(t)
	c.send(t, "4hello")
	c.got(t, "4hello")
	c.sendBinary(t, 1, 2, 3, 4)
	c.got(t, "b:\x01\x02\x03\x04")
}

func TestWebSocketClosesUponInvalidPacketFormat(t *testing.T) {
	t.Parallel()
	s := start(t, slow(), "/engine.io/")
	for _, text := range []string{"abc", "2", "7", ""} {
		c := s.dial(t, socket)
		c.next(t)
		c.send(t, text)
		c.closes(t, codes.BadPacket)
	}
}

func TestHeartbeatOverPolling(t *testing.T) {
	t.Parallel()
	both(t, beating(), func(t *testing.T, s *testServer) {
		t.Helper()
		sid := s.openPolling(t)
		for range 3 {
			s.expect(t, http.MethodGet, sid, "", http.StatusOK, "2")
			s.expect(t, http.MethodPost, sid, "3", http.StatusOK, "ok")
		}
	})
}

func TestHeartbeatOverWebSocket(t *testing.T) {
	t.Parallel()
	s := start(t, beating(), "/engine.io/")
	c := s.dial(t, socket)
	c.next(t)
	for range 3 {
		c.got(t, "2")
		c.send(t, "3")
	}
}

func TestPingTimeoutCloses(t *testing.T) {
	t.Parallel()
	both(t, suiteTimes(), func(t *testing.T, s *testServer) {
		t.Helper()
		sid := s.openPolling(t)
		c := s.dial(t, socket)
		status, text := s.do(t, http.MethodGet, polling+"&sid="+sid, "")
		if text == "2" { // the only ping, which is not answered
			status, text = s.do(t, http.MethodGet, polling+"&sid="+sid, "")
		}
		if status != http.StatusBadRequest {
			t.Errorf("the poll got %d %s", status, text)
		}
		c.closes(t, codes.PingTimeout)
	})
}

func TestForcefulClose(t *testing.T) {
	t.Parallel()
	both(t, slow(), func(t *testing.T, s *testServer) {
		t.Helper()
		for range 10 { // the two requests race
			sid := s.openPolling(t)
			posted := make(chan int, 1)
			go func() {
				status, _ := s.do(t, http.MethodPost, polling+"&sid="+sid, "1")
				posted <- status
			}()
			s.expect(t, http.MethodGet, sid, "", http.StatusOK, "6")
			if status := check.Receive(t, posted); status != http.StatusOK {
				t.Errorf("the close packet got %d", status)
			}
			s.expect(t, http.MethodGet, sid, "", http.StatusBadRequest, "*")
		}
		c := s.dial(t, socket)
		c.next(t)
		c.send(t, "1")
		c.closes(t, websocket.Normal)
	})
}
