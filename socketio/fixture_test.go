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

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

const patience = check.Timeout

// codes are the close codes of a server without codes of its own.
var codes = websocket.Codes{}.WithDefaults()

// recorder is a namespace that does what the event of a test asks for, and records its calls.
type recorder struct {
	mu    sync.Mutex
	auths []string
	ended chan ending
	event func(s *socketio.Socket, event string, args socketio.Args, ack socketio.Ack)
}

// ending is a call of Disconnected.
type ending struct {
	id        string
	reason    socketio.Reason
	lastAlive time.Time
}

func newRecorder() *recorder { return &recorder{ended: make(chan ending, 1000)} }

func (n *recorder) Connect(_ context.Context, _ *socketio.Socket, _ *http.Request, auth json.RawMessage) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.auths = append(n.auths, string(auth))
	return nil
}

func (n *recorder) Connected(*socketio.Socket) {}

func (n *recorder) Event(s *socketio.Socket, event string, args socketio.Args, ack socketio.Ack) {
	switch event {
	case "echo":
		s.Emit("echo", args)
	case "ack":
		ack.SendArgs(socketio.Args{JSON: []json.RawMessage{list(args.JSON)}, Binary: args.Binary})
	case "emit with ack":
		question := socketio.Args{JSON: raw(`"name?"`, `{"_placeholder":true,"num":0}`), Binary: [][]byte{{7, 8}}}
		s.EmitWithAck("question", question, patience, func(answer socketio.Args, err error) {
			if err == nil {
				s.Emit("answered", answer)
			}
		})
	case "emit without answer":
		s.EmitWithAck("unanswerable", socketio.Args{}, 50*time.Millisecond, func(_ socketio.Args, err error) {
			if err != nil {
				s.Emit("unanswered", socketio.Args{})
			}
		})
	case "disconnect me":
		s.Disconnect()
	default:
		n.event(s, event, args, ack)
	}
}

func (n *recorder) Disconnected(s *socketio.Socket, reason socketio.Reason, lastAlive time.Time) {
	n.ended <- ending{s.ID(), reason, lastAlive}
}

// private is a namespace that refuses every client.
type private struct{ *recorder }

func (p private) Connect(ctx context.Context, s *socketio.Socket, r *http.Request, auth json.RawMessage) error {
	_ = p.recorder.Connect(ctx, s, r, auth)
	return &socketio.ConnectError{Message: "Authentication error", Data: json.RawMessage(`{"code":401}`)}
}

func raw(texts ...string) []json.RawMessage {
	args := make([]json.RawMessage, len(texts))
	for i, text := range texts {
		args[i] = json.RawMessage(text)
	}
	return args
}

// list returns the arguments as a JSON array.
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

// testServer is a server on a real listener with three namespaces: "/", "/private", "/guests".
type testServer struct {
	server                *socketio.Server
	address               string
	main, private, guests *recorder
	stop                  func(code websocket.CloseCode)
}

func start(t *testing.T, config socketio.Config) *testServer {
	t.Helper()
	return startAt(t, config, "127.0.0.1:0")
}

// listen waits until the address is free: a client that connects to a port without a listener may be given that port itself.
func listen(tb testing.TB, address string) net.Listener {
	tb.Helper()
	var listener net.Listener
	check.Eventually(tb, "the address is free", func() bool {
		var err error
		listener, err = net.Listen("tcp", address)
		if err != nil && !errors.Is(err, syscall.EADDRINUSE) {
			tb.Fatal(err)
		}
		return err == nil
	})
	return listener
}

// startAt starts a server at an address, which another server may just have left.
func startAt(t *testing.T, config socketio.Config, address string) *testServer {
	t.Helper()
	main, hidden, guests := newRecorder(), newRecorder(), newRecorder()
	s := startNamespaces(t, config, address, map[string]socketio.Namespace{
		"/": main, "/private": private{hidden}, "/guests": guests,
	})
	s.main, s.private, s.guests = main, hidden, guests
	return s
}

// startNamespaces starts a server with namespaces of the test.
func startNamespaces(tb testing.TB, config socketio.Config, address string, namespaces map[string]socketio.Namespace) *testServer {
	tb.Helper()
	config.Log = slog.New(slog.NewTextHandler(tb.Output(), nil))
	s := &testServer{server: socketio.NewServer(config, namespaces)}
	listener := listen(tb, address)
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
				tb.Errorf("closing: %v", err)
			}
			_ = server.Close()
			<-served
		})
	}
	tb.Cleanup(func() { s.stop(websocket.Restart) })
	return s
}
