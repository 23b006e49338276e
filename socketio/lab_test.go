package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/studycall/studycall/realtime/realtimetest"
	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

const patience = realtimetest.Patience

// lab is a namespace that does what the tests' clients ask for, and notes what it is told.
type lab struct {
	mu    sync.Mutex
	auths []string
	ended chan ending
	event func(s *socketio.Socket, event string, args socketio.Args, ack socketio.Ack)
}

// ending is a call of Disconnected.
type ending struct {
	id     string
	reason socketio.Reason
	heard  time.Time
}

func newLab() *lab { return &lab{ended: make(chan ending, 1000)} }

func (l *lab) Connect(_ context.Context, _ *socketio.Socket, _ *http.Request, auth json.RawMessage) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.auths = append(l.auths, string(auth))
	return nil
}

func (l *lab) Connected(*socketio.Socket) {}

func (l *lab) Event(s *socketio.Socket, event string, args socketio.Args, ack socketio.Ack) {
	switch event {
	case "echo":
		s.Emit("echo", args)
	case "ack":
		ack.SendArgs(socketio.Args{JSON: []json.RawMessage{list(args.JSON)}, Binary: args.Binary})
	case "ask me":
		question := socketio.Args{JSON: raw(`"who?"`, `{"_placeholder":true,"num":0}`), Binary: [][]byte{{7, 8}}}
		s.EmitWithAck("question", question, patience, func(answer socketio.Args, err error) {
			if err == nil {
				s.Emit("answered", answer)
			}
		})
	case "riddle me":
		s.EmitWithAck("riddle", socketio.Args{}, 50*time.Millisecond, func(_ socketio.Args, err error) {
			if err != nil {
				s.Emit("unanswered", socketio.Args{})
			}
		})
	case "put me out":
		s.Disconnect()
	default:
		l.event(s, event, args, ack)
	}
}

func (l *lab) Disconnected(s *socketio.Socket, reason socketio.Reason, heard time.Time) {
	l.ended <- ending{s.ID(), reason, heard}
}

// private lets nobody in.
type private struct{ *lab }

func (p private) Connect(ctx context.Context, s *socketio.Socket, r *http.Request, auth json.RawMessage) error {
	_ = p.lab.Connect(ctx, s, r, auth)
	return &socketio.ConnectError{Message: "Authentication error", Data: json.RawMessage(`{"code":401}`)}
}

func raw(texts ...string) []json.RawMessage {
	args := make([]json.RawMessage, len(texts))
	for i, text := range texts {
		args[i] = json.RawMessage(text)
	}
	return args
}

// list is a JSON array of arguments.
func list(args []json.RawMessage) json.RawMessage {
	text := []byte("[")
	for i, arg := range args {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, arg...)
	}
	return append(text, ']')
}

// site is a server over a real socket, with three namespaces: "/", "/private", "/guests".
type site struct {
	server                *socketio.Server
	address               string
	main, private, guests *lab
	stop                  func(code websocket.CloseCode)
}

func start(t *testing.T, config socketio.Config) *site {
	t.Helper()
	return startAt(t, config, "127.0.0.1:0")
}

// listen waits until nobody else has the address: what connects to where nobody listens may be given that very port.
func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		listener, err := net.Listen("tcp", address)
		if err == nil {
			return listener
		}
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// startAt starts a server at an address, which may just have been given up by another.
func startAt(t *testing.T, config socketio.Config, address string) *site {
	t.Helper()
	config.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	s := &site{main: newLab(), private: newLab(), guests: newLab()}
	s.server = socketio.NewServer(config, map[string]socketio.Namespace{
		"/": s.main, "/private": private{s.private}, "/guests": s.guests,
	})
	listener := listen(t, address)
	s.address = listener.Addr().String()
	server := &http.Server{Handler: s.server, ReadTimeout: time.Minute, WriteTimeout: time.Minute, ReadHeaderTimeout: patience}
	served := make(chan struct{})
	go func() {
		_ = server.Serve(listener)
		close(served)
	}()
	var once sync.Once
	s.stop = func(code websocket.CloseCode) {
		once.Do(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := s.server.Close(ctx, code); err != nil {
				t.Errorf("closing: %v", err)
			}
			_ = server.Close()
			<-served
		})
	}
	t.Cleanup(func() { s.stop(websocket.Restart) })
	return s
}

func wait[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	return realtimetest.Receive(t, from)
}
