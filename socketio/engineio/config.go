package engineio

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/studycall/studycall/websocket"
)

// Config is how a Server treats its connections. Zero values take the defaults in brackets.
type Config struct {
	PingInterval   time.Duration // between a pong and the next ping [25s]
	PingTimeout    time.Duration // how long a pong may take [60s]
	UpgradeTimeout time.Duration // how long an upgrade from polling may take [10s]
	PollGap        time.Duration // how long after the answer to a poll the next may come [30s: 4 MiB over 1.1 Mbit/s]
	MaxPayload     int64         // bytes of the largest message or polling body taken [1,000,000]
	Queue          int           // messages that may wait for one WebSocket [1024]
	QueueBytes     int           // bytes that may wait for one client [4 MiB]

	CheckOrigin func(*http.Request) bool  // asked on every new connection and upgrade; nil allows every origin
	Admit       func(*http.Request) error // asked on every new connection, answered 503 when it refuses; nil admits all
	Log         *slog.Logger              // nil is slog.Default
}

func (c Config) withDefaults() Config {
	if c.PingInterval == 0 {
		c.PingInterval = 25 * time.Second
	}
	if c.PingTimeout == 0 {
		c.PingTimeout = time.Minute
	}
	if c.UpgradeTimeout == 0 {
		c.UpgradeTimeout = 10 * time.Second
	}
	if c.PollGap == 0 {
		c.PollGap = 30 * time.Second
	}
	if c.MaxPayload == 0 {
		c.MaxPayload = 1_000_000
	}
	if c.Queue == 0 {
		c.Queue = 1024
	}
	if c.QueueBytes == 0 {
		c.QueueBytes = 4 << 20
	}
	if c.CheckOrigin == nil {
		c.CheckOrigin = func(*http.Request) bool { return true }
	}
	if c.Admit == nil {
		c.Admit = func(*http.Request) error { return nil }
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// sockets is how the WebSockets below are to be: the pings are ours, and origins are asked about before the upgrade.
func (c Config) sockets() websocket.Config {
	return websocket.Config{MaxMessage: c.MaxPayload, Queue: c.Queue, QueueBytes: c.QueueBytes, Log: c.Log}
}
