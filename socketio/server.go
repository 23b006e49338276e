package socketio

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/studycall/studycall/socketio/engineio"
	"github.com/studycall/studycall/websocket"
)

// Config is how a Server treats its clients. Zero values take the defaults in brackets, those of the web app's server
// where it has them.
type Config struct {
	PingInterval   time.Duration // between a pong and the next ping [25s]
	PingTimeout    time.Duration // how long a pong may take [60s]
	ConnectTimeout time.Duration // how long a client may take to connect to a namespace [45s]
	UpgradeTimeout time.Duration // how long an upgrade from polling may take [10s]
	MaxPayload     int64         // bytes of the largest message, packet with attachments, or polling body taken [1,000,000]
	Queue          int           // messages that may wait for one WebSocket [1024]
	QueueBytes     int           // bytes that may wait for one client [4 MiB]

	CheckOrigin func(*http.Request) bool  // asked on every new connection and upgrade; nil allows every origin
	Admit       func(*http.Request) error // asked on every new connection, answered 503 when it refuses; nil admits all
	Log         *slog.Logger              // nil is slog.Default
}

// Server is an http.Handler for the path /socket.io/. All methods may be called concurrently.
type Server struct {
	config     Config
	namespaces map[string]Namespace
	engine     *engineio.Server
}

// NewServer serves the namespaces, by name ("/" is the main one).
func NewServer(config Config, namespaces map[string]Namespace) *Server {
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, 45*time.Second)
	config.MaxPayload = cmp.Or(config.MaxPayload, 1_000_000)
	config.Log = cmp.Or(config.Log, slog.Default())
	s := &Server{config: config, namespaces: namespaces}
	s.engine = engineio.NewServer(engineio.Config{
		PingInterval: config.PingInterval, PingTimeout: config.PingTimeout, UpgradeTimeout: config.UpgradeTimeout,
		MaxPayload: config.MaxPayload, Queue: config.Queue, QueueBytes: config.QueueBytes,
		CheckOrigin: config.CheckOrigin, Admit: config.Admit, Log: config.Log,
	}, s.accept)
	return s
}

func (s *Server) accept(conn *engineio.Conn, r *http.Request) engineio.Handler {
	timer := time.AfterFunc(s.config.ConnectTimeout, func() { conn.Close(websocket.NotJoined) })
	return &client{server: s, conn: conn, request: r, timer: timer}
}

// ServeHTTP answers handshakes, polls, posts and upgrades. Who may read the answers of polling (CORS) is for the
// caller to say, in a middleware.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.engine.ServeHTTP(w, r) }

// Len is how many clients are connected, to any namespace or none yet.
func (s *Server) Len() int { return s.engine.Len() }

// Close takes no more clients, tells all there are, with the code where they are on a WebSocket, and waits until every
// Disconnected has returned. When ctx ends first, what is left is cut off, and the context's error is returned.
func (s *Server) Close(ctx context.Context, code websocket.CloseCode) error {
	return s.engine.Close(ctx, code)
}
