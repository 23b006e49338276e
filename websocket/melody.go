package websocket

import (
	"bufio"
	"log/slog"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"github.com/olahol/melody"
)

const (
	// Melody's channel of a session carries wake-ups, of which there is one at a time, and one close frame; the messages
	// themselves wait in Conn. A channel of messages would cost every idle connection 48 bytes a slot.
	melodySlots = 4
	// Gorilla builds control frames (125 bytes at most) in its write buffer, and nothing else here.
	controlBuffer = 128
	// readBuffer is how much is read in one system call: several messages at once, so that what they set off is written
	// together, too. With net/http's 4 KB, relay of 2.5 KB messages reached 0.77 of a bare server's deliveries per CPU
	// second, with 8 KB 0.86, with this 0.9 to 1.0; it costs an idle connection 12 KB more.
	readBuffer = 16 << 10
	never      = time.Duration(math.MaxInt64)
)

// connKey is where a session of Melody's keeps its Conn.
const connKey = "conn"

func connOf(m *melody.Session) *Conn { return m.Keys[connKey].(*Conn) }

func (c Config) withDefaults() Config {
	if c.MaxMessage == 0 {
		c.MaxMessage = 1_000_000
	}
	if c.Queue == 0 {
		c.Queue = 16_384
	}
	if c.Pings == 0 {
		c.Pings = UsualControl
	}
	if c.QueueBytes == 0 {
		c.QueueBytes = 4 << 20
	}
	if c.WriteWait == 0 {
		c.WriteWait = 10 * time.Second
	}
	if c.CheckOrigin == nil {
		c.CheckOrigin = func(*http.Request) bool { return true }
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// underneath is Melody, told what its defaults get wrong for us: messages of 512 bytes at most, and a buffer that drops.
func underneath(c Config) *melody.Melody {
	m := melody.New()
	m.Upgrader = &websocket.Upgrader{
		ReadBufferSize: readBuffer, WriteBufferSize: controlBuffer, CheckOrigin: c.CheckOrigin,
	}
	m.Config = &melody.Config{
		WriteWait: c.WriteWait, PongWait: c.PongWait, PingPeriod: c.PingPeriod,
		MaxMessageSize: c.MaxMessage, MessageBufferSize: melodySlots,
	}
	if c.PingPeriod == 0 {
		m.Config.PingPeriod = never
	}
	return m
}

// takeover is the ResponseWriter that Melody upgrades: what it hijacks is a wire.
type takeover struct {
	http.ResponseWriter
	conn *Conn
}

// Hijack is http.Hijacker's, found also behind the wrappers of middleware.
func (t takeover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	raw, buffers, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	t.conn.took(raw)
	return &t.conn.wire, buffers, nil
}
