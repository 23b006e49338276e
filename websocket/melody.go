package websocket

import (
	"bufio"
	"cmp"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"github.com/olahol/melody"
)

const (
	// melodySlots is the size of a session's channel. It carries wake-ups, one at a time, and one close frame. Messages wait in
	// the Conn's queue: a channel for them would cost every idle connection 48 bytes a slot.
	melodySlots = 4
	// controlBuffer is Gorilla's write buffer, in which it builds control frames (125 bytes at most) and nothing else here.
	controlBuffer = 128
	// readBuffer is how much is read in one system call: several messages at once, so that the frames that they cause are written
	// together. With net/http's 4 KB, relay of 2.5 KB messages reached 0.77 of a bare server's deliveries per CPU second, with
	// 8 KB 0.86, with this 0.9 to 1.0. It costs an idle connection 12 KB more.
	readBuffer = 16 << 10
	never      = time.Duration(math.MaxInt64)
)

// connKey is the key under which a Melody session holds its Conn.
const connKey = "conn"

func connOf(m *melody.Session) *Conn { return m.Keys[connKey].(*Conn) }

// newMelody creates a Melody without its defaults: messages of 512 bytes at most, and a buffer that drops.
func newMelody(c Config) *melody.Melody {
	m := melody.New()
	m.Upgrader = &websocket.Upgrader{
		ReadBufferSize: readBuffer, WriteBufferSize: controlBuffer, CheckOrigin: c.CheckOrigin,
	}
	m.Config = &melody.Config{
		WriteWait: c.WriteWait, PongWait: c.PongWait, PingPeriod: cmp.Or(c.PingPeriod, never),
		MaxMessageSize: c.MaxMessage, MessageBufferSize: melodySlots,
	}
	return m
}

// takeover is the ResponseWriter that Melody upgrades. Its Hijack returns the Conn's wire.
type takeover struct {
	http.ResponseWriter
	conn *Conn
}

// Hijack implements http.Hijacker. It works through the wrappers of middleware as well.
func (t takeover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	raw, buffers, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	t.conn.hijacked(raw)
	return &t.conn.wire, buffers, nil
}
