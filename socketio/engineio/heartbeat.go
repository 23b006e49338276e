package engineio

import (
	"time"

	"github.com/studycall/studycall/websocket"
)

// heartbeat is one timer for a connection: it is due for the next ping, or for the answer to the last. Conn's mutex
// guards it.
type heartbeat struct {
	timer  *time.Timer
	due    time.Time
	pinged bool // a pong is awaited
}

// early is by how much a missing pong is noticed before its time. Two timers in a row fire some ms late, while the client
// counts exactly; and a session that is gone a moment early harms less than one that is there a moment late.
func early(timeout time.Duration) time.Duration { return min(timeout/20, 100*time.Millisecond) }

func (c *Conn) startBeating() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.beat.due = time.Now().Add(c.server.config.PingInterval)
	c.beat.timer = time.AfterFunc(c.server.config.PingInterval, c.beatDue)
}

func (c *Conn) stopBeating() {
	if c.beat.timer != nil {
		c.beat.timer.Stop()
	}
}

// beatDue is called by the timer.
func (c *Conn) beatDue() {
	c.mu.Lock()
	now, timeout := time.Now(), c.server.config.PingTimeout
	if c.ended || now.Before(c.beat.due) { // a pong came while the timer fired
		c.mu.Unlock()
		return
	}
	if c.beat.pinged {
		c.mu.Unlock()
		c.end(PingTimeout, websocket.Silent)
		return
	}
	c.beat.pinged = true
	// Counted from when the ping was due; but a machine that stood still must not find all its clients late.
	c.beat.due = c.beat.due.Add(timeout - early(timeout))
	if least := now.Add(timeout / 2); c.beat.due.Before(least) {
		c.beat.due = least
	}
	c.beat.timer.Reset(c.beat.due.Sub(now))
	c.mu.Unlock()
	c.Send(control(kindPing))
}

func (c *Conn) pong() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || !c.beat.pinged {
		return
	}
	c.beat.pinged = false
	c.beat.due = time.Now().Add(c.server.config.PingInterval)
	c.beat.timer.Reset(c.server.config.PingInterval)
}
