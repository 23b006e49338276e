package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/socketio/engineio"
	"github.com/studycall/studycall/websocket"
)

// The times that the suites expect.
const (
	pingInterval   = 300 * time.Millisecond
	pingTimeout    = 200 * time.Millisecond
	connectTimeout = time.Second
	maxPayload     = 1_000_000
	// authDelay separates the auth event from the answer to CONNECT. The Socket.IO suite listens for one message at a time, and misses
	// the second of two that come in one read.
	authDelay = 20 * time.Millisecond
)

// target is the server under test.
type target struct {
	engine *engineio.Server
	socket *socketio.Server
}

// suiteTimes is the configuration that the suites expect.
func suiteTimes() socketio.Config {
	return socketio.Config{PingInterval: pingInterval, PingTimeout: pingTimeout, ConnectTimeout: connectTimeout}
}

func newTarget(times socketio.Config) *target {
	times.MaxPayload = maxPayload
	return &target{
		engine: engineio.NewServer(engineio.Config{
			PingInterval: times.PingInterval, PingTimeout: times.PingTimeout, MaxPayload: maxPayload,
		}, func(*engineio.Conn, *http.Request) engineio.Handler { return echo{} }),
		socket: socketio.NewServer(times, map[string]socketio.Namespace{"/": mirror{}, "/custom": mirror{}}),
	}
}

// ServeHTTP implements http.Handler.
func (t *target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/engine.io/":
		t.engine.ServeHTTP(w, r)
	case "/socket.io/":
		t.socket.ServeHTTP(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (t *target) close(ctx context.Context, code websocket.CloseCode) error {
	return errors.Join(t.engine.Close(ctx, code), t.socket.Close(ctx, code))
}

// echo is a handler that sends every message back.
type echo struct{}

func (echo) Message(c *engineio.Conn, data []byte, binary bool) {
	if binary {
		c.Send(engineio.Binary(data))
	} else {
		c.Send(engineio.Text(data))
	}
}

func (echo) Closed(*engineio.Conn, engineio.Reason) {}

// mirror is a namespace that sends back the auth payload and the arguments of two events.
type mirror struct{}

func (mirror) Connect(_ context.Context, s *socketio.Socket, _ *http.Request, auth json.RawMessage) error {
	if auth == nil {
		auth = json.RawMessage("{}")
	}
	s.Data = auth // for Connected, because nothing may be sent yet
	return nil
}

func (mirror) Connected(s *socketio.Socket) {
	time.AfterFunc(authDelay, func() {
		s.Emit("auth", socketio.Args{JSON: []json.RawMessage{s.Data.(json.RawMessage)}})
	})
}

func (mirror) Event(s *socketio.Socket, event string, args socketio.Args, ack socketio.Ack) {
	switch event {
	case "message":
		s.Emit("message-back", args)
	case "message-with-ack":
		ack.SendArgs(args)
	}
}

func (mirror) Disconnected(*socketio.Socket, socketio.Reason, time.Time) {}

// The methods of socketio.RecoveryNamespace.

func (mirror) Suspended(*socketio.Socket, socketio.Reason, time.Time) {}

func (mirror) Find(context.Context, socketio.SessionKey) error { return nil }

func (mirror) Resume(context.Context, *socketio.Socket, *http.Request, json.RawMessage) error {
	return nil
}

func (mirror) Resumed(*socketio.Socket, socketio.Resumption) {}
