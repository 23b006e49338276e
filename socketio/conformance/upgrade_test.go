package main

import (
	"net/http"
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/websocket"
)

func TestUpgrade(t *testing.T) {
	t.Parallel()
	s := start(t, slow(), "/engine.io/")
	sid := s.openPolling(t)
	c := s.dial(t, socket+"&sid="+sid)
	c.send(t, "2probe")
	c.got(t, "3probe")
	s.expect(t, http.MethodGet, sid, "", http.StatusOK, "6")
	c.send(t, "5", "4hello")
	c.got(t, "4hello")
}

// Given a waiting poll, when a WebSocket is probed, then the poll ends, and no message is lost between the two transports.
func TestUpgradeEndsTheWaitingPollAndLosesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, slow(), "/engine.io/")
	sid := s.openPolling(t)
	answered := make(chan string, 1)
	go func() {
		_, text := s.do(t, http.MethodGet, polling+"&sid="+sid, "")
		answered <- text
	}()
	c := s.dial(t, socket+"&sid="+sid)
	c.send(t, "2probe")
	c.got(t, "3probe")
	if text := check.Receive(t, answered); text != "6" {
		t.Errorf("the waiting poll got %q", text)
	}
	s.expect(t, http.MethodPost, sid, "4between", http.StatusOK, "ok")
	c.send(t, "5", "4after")
	c.got(t, "4between", "4after")
}

func TestAfterTheUpgradeHTTPRequestsAreRefused(t *testing.T) {
	t.Parallel()
	both(t, slow(), func(t *testing.T, s *testServer) {
		t.Helper()
		sid := s.openPolling(t)
		c := s.dial(t, socket+"&sid="+sid)
		c.send(t, "2probe", "5") // the poll may arrive before the server reads them
		s.expect(t, http.MethodGet, sid, "", http.StatusBadRequest, "*")
		s.expect(t, http.MethodPost, sid, "4x", http.StatusBadRequest, "*")
	})
}

func TestAfterTheUpgradeWebSocketsAreClosed(t *testing.T) {
	t.Parallel()
	s := start(t, slow(), "/engine.io/")
	sid := s.openPolling(t)
	c := s.dial(t, socket+"&sid="+sid)
	c.send(t, "2probe")
	c.got(t, "3probe")
	c.send(t, "5")
	s.dial(t, socket+"&sid="+sid).closes(t, websocket.Protocol)
	c.send(t, "4hello")
	c.got(t, "4hello")
}

// When an upgrade fails, the WebSocket is closed and polling goes on.
func TestAFailedUpgradeLeavesPolling(t *testing.T) {
	t.Parallel()
	for _, last := range [][]string{{"2probe", "4x"}, {"5"}, {"2prob"}, {"4x"}, {"2probe", "2probe"}} {
		s := start(t, slow(), "/engine.io/")
		sid := s.openPolling(t)
		c := s.dial(t, socket+"&sid="+sid)
		c.send(t, last...)
		c.closes(t, websocket.Protocol)
		s.expect(t, http.MethodPost, sid, "4hello", http.StatusOK, "ok")
		s.expect(t, http.MethodGet, sid, "", http.StatusOK, "4hello")
	}
}
