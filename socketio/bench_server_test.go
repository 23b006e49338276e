package socketio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/rawjson"
	"github.com/studycall/studycall/socketio"
)

// benchServer is the environment variable that makes the test binary a server for the benchmarks. The server is a process of its own,
// so that its CPU time is separate from that of the clients.
const benchServer = "STUDYCALL_BENCH_SERVER"

// TestBenchServer is that server. Without the variable it passes at once.
func TestBenchServer(t *testing.T) { //nolint:paralleltest // it runs in a process of its own
	kind := os.Getenv(benchServer)
	if kind == "" {
		return
	}
	rooms := &benchRooms{members: map[string][]benchPeer{}}
	mux := http.NewServeMux()
	if kind == "bare" {
		mux.HandleFunc("/socket.io/", rooms.serveBare)
	} else {
		var config socketio.Config
		if kind == "recovery" {
			config.Recovery.Window = time.Minute
		}
		rooms.server = socketio.NewServer(config, map[string]socketio.Namespace{"/": rooms})
		mux.Handle("/socket.io/", rooms.server)
	}
	mux.HandleFunc("/usage", func(w http.ResponseWriter, _ *http.Request) {
		runtime.GC()
		var usage syscall.Rusage
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(benchUsage{
			CPU:    time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
			Memory: memory.HeapInuse + memory.StackInuse,
		})
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(os.Stdout, "listening on", listener.Addr())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(endOfInput(), func() { _ = server.Close() })
	_ = server.Serve(listener)
}

// benchUsage is what a server has used.
type benchUsage struct {
	CPU    time.Duration
	Memory uint64 // bytes of heap and stacks
}

// endOfInput is done when the parent process ends.
func endOfInput() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		cancel()
	}()
	return ctx
}

// benchPeer is a member of a room, on either server.
type benchPeer interface {
	relay(data []byte)
}

// benchRooms are the rooms of either kind of server.
type benchRooms struct {
	server  *socketio.Server // nil for the bare server
	mu      sync.RWMutex
	members map[string][]benchPeer
}

func (b *benchRooms) join(room string, p benchPeer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.members[room] = append(b.members[room], p)
}

func (b *benchRooms) others(room string, but any, each func(p benchPeer)) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, p := range b.members[room] {
		if any(p) != but {
			each(p)
		}
	}
}

// bareConn only copies frames, the least that a server can do.
type bareConn struct {
	mu   sync.Mutex
	conn *gorilla.Conn
}

func (c *bareConn) relay(data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.conn.WriteMessage(gorilla.TextMessage, data)
}

func (b *benchRooms) serveBare(w http.ResponseWriter, r *http.Request) {
	conn, err := (&gorilla.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	c := &bareConn{conn: conn}
	room := r.URL.Query().Get("room")
	b.join(room, c)
	c.relay([]byte("0")) // the client waits for it
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		b.others(room, c, func(p benchPeer) { p.relay(data) })
	}
}

// sioPeer is a member of a room of the Socket.IO server.
type sioPeer struct{ socket *socketio.Socket }

func (p sioPeer) relay([]byte) {}

func (b *benchRooms) Connect(_ context.Context, s *socketio.Socket, r *http.Request, _ json.RawMessage) error {
	s.Data = r.URL.Query().Get("room")
	return nil
}

func (b *benchRooms) Connected(s *socketio.Socket) { b.join(s.Data.(string), sioPeer{s}) }

func (b *benchRooms) Event(s *socketio.Socket, event string, args socketio.Args, _ socketio.Ack) {
	var body json.RawMessage
	_ = rawjson.Object(args.JSON[0], func(name string, value json.RawMessage) {
		if name == "body" {
			body = value
		}
	})
	packet := b.server.EncodeJoined("/", event, []byte(`{"from":"`+s.ID()+`","body":`), body, []byte("}"))
	b.others(s.Data.(string), sioPeer{s}, func(p benchPeer) { p.(sioPeer).socket.Send(packet) })
}

func (b *benchRooms) Disconnected(*socketio.Socket, socketio.Reason, time.Time) {}

func (b *benchRooms) Suspended(*socketio.Socket, socketio.Reason, time.Time) {}

func (b *benchRooms) Find(context.Context, socketio.SessionKey) error { return nil }

func (b *benchRooms) Resume(context.Context, *socketio.Socket, *http.Request, json.RawMessage) error {
	return socketio.ErrNotResumed
}

func (b *benchRooms) Resumed(*socketio.Socket, socketio.Resumption) {}

// benchBody is an event of about size bytes. Its last digits are the number of the peer.
func benchBody(kind string, size, peer int) []byte {
	filler := make([]byte, size)
	for i := range filler {
		filler[i] = 'a' + byte(i%26)
	}
	return []byte(`42["` + kind + `",{"to":"x","body":"` + string(filler) + strconv.Itoa(1000 + peer)[1:] + `"}]`)
}
