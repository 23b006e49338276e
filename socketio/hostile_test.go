package socketio_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

// Given any bytes after the upgrade, the server does not panic, closes the connection, and serves the next client.
func FuzzRawFrames(f *testing.F) {
	for _, seed := range [][]byte{
		{}, {0x81, 0x82, 0, 0, 0, 0, '4', '0'}, {0x81, 0x80, 0, 0, 0, 0}, {0x88, 0x80, 0, 0, 0, 0}, {0x89, 0x80, 0, 0, 0, 0},
		{0x82, 0x81, 0, 0, 0, 0, 1}, {0x01, 0x81, 0, 0, 0, 0, '4', 0x80, 0x81, 0, 0, 0, 0, '0'}, {0x81, 0xff, 0xff, 0xff},
		{0x81, 0x02, '4', '0'}, {0xf1, 0x82, 0, 0, 0, 0, '4', '0'}, {0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0}, []byte("GET / HTTP/1.1\r\n\r\n"),
		append(append([]byte{}, masked([]byte("40"))...), masked([]byte(`42["echo",1]`))...),
		append(append([]byte{}, masked([]byte("40"))...), masked([]byte(`451-["ack",{"_placeholder":true,"num":0}]`))...),
	} {
		f.Add(seed)
	}
	s := socketio.NewServer(socketio.Config{ConnectTimeout: time.Hour}, map[string]socketio.Namespace{"/": hostile{newRecorder()}})
	server := httptest.NewServer(s)
	f.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Close(ctx, websocket.Restart); err != nil {
			f.Error(err)
		}
		server.Close()
	})
	address := server.Listener.Addr().String()
	f.Fuzz(func(t *testing.T, data []byte) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience)) // never fails
		_, err = io.WriteString(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"+
			"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		var head [12]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil || !bytes.HasPrefix(head[:], []byte("HTTP/1.1 101")) {
			t.Fatalf("the answer to the upgrade is %q, %v", head, err)
		}
		_, _ = conn.Write(data)              // fails when the server has hung up
		_ = conn.(*net.TCPConn).CloseWrite() // as above
		_, _ = io.Copy(io.Discard, conn)     // until the server hangs up
		if _, err := conn.Read(head[:]); err == nil || isTimeout(err) {
			t.Fatalf("the server kept the connection: %v", err)
		}
	})
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error) //nolint:errorlint // as it comes from the socket
	return ok && timeout.Timeout()
}

// hostile panics at unknown events. A panic must not end the process.
type hostile struct{ *recorder }

func (h hostile) Event(s *socketio.Socket, event string, args socketio.Args, ack socketio.Ack) {
	switch event {
	case "echo", "ack", "disconnect me":
		h.recorder.Event(s, event, args, ack)
	default:
		panic("unknown event")
	}
}

func (h hostile) Disconnected(*socketio.Socket, socketio.Reason, time.Time) {}

// Given clients that send without reading, and reconnect when they are closed, then messages of another client take no longer than on
// a server in the same process without such clients.
func TestFloodsDoNotDelayOthers(t *testing.T) {
	t.Parallel()
	s, idle := start(t, socketio.Config{}), start(t, socketio.Config{})
	flooding, stop := context.WithCancel(t.Context())
	var flooders sync.WaitGroup
	defer flooders.Wait()
	defer stop()
	for range 8 {
		flooders.Go(func() {
			for flooding.Err() == nil {
				s.flood(flooding)
			}
		})
	}
	client, control := s.dial(t), idle.dial(t)
	slowest := time.Duration(0)
	rounds := 50
	if testing.Short() {
		rounds = 10
	}
	for range rounds {
		expected := make(chan time.Duration, 1)
		go func() { expected <- echoed(t, control) }()
		took := echoed(t, client)
		slowest = max(slowest, took-10*check.Receive(t, expected)) // a slow machine delays both
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("the slowest of %d answers took %v too long", rounds, slowest)
	if slowest > 2*time.Second {
		t.Errorf("the slowest of %d answers took %v too long", rounds, slowest)
	}
}

// flood sends until it is closed.
func (s *testServer) flood(ctx context.Context) {
	conn, answer, err := gorilla.DefaultDialer.DialContext(ctx, "ws://"+s.address+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		return
	}
	_ = answer.Body.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer conn.Close()
	for text := "40"; conn.WriteMessage(gorilla.TextMessage, []byte(text)) == nil; text = `42["echo","flood"]` {
	}
}

// echoed measures how long a message takes to the server and back.
func echoed(t *testing.T, conn *gorilla.Conn) time.Duration {
	t.Helper()
	sent := time.Now()
	_ = conn.WriteMessage(gorilla.TextMessage, []byte(`42["echo","me"]`)) // on an error, there is no echo
	if _, data, err := conn.ReadMessage(); err != nil || string(data) != `42["echo","me"]` {
		t.Errorf("%s, %v", data, err)
	}
	return time.Since(sent)
}
