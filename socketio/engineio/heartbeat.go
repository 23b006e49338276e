package engineio

import "time"

// heartbeat is the one timer of a connection: for the next ping, or for the pong to the last one. Conn.mu guards it.
type heartbeat struct {
	timer  *time.Timer
	due    time.Time
	pinged bool // a pong is awaited
}

// margin is how much before its time a missing pong is noticed. Two timers in a row fire some ms late, while the client counts
// exactly, and a session that ends a moment early harms less than one that ends late.
func margin(timeout time.Duration) time.Duration { return min(timeout/20, 100*time.Millisecond) }

func (c *Conn) startHeartbeat() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.beat.due = time.Now().Add(c.server.config.PingInterval)
	c.beat.timer = time.AfterFunc(c.server.config.PingInterval, c.heartbeatDue)
}

func (c *Conn) stopHeartbeat() {
	if c.beat.timer != nil {
		c.beat.timer.Stop()
	}
}

// heartbeatDue is called by the timer.
func (c *Conn) heartbeatDue() {
	c.mu.Lock()
	now, timeout := time.Now(), c.server.config.PingTimeout
	if c.ended || now.Before(c.beat.due) { // a pong came while the timer fired
		c.mu.Unlock()
		return
	}
	if c.beat.pinged {
		c.mu.Unlock()
		c.end(PingTimeout, c.server.config.Codes.PingTimeout)
		return
	}
	c.beat.pinged = true
	// The timeout counts from when the ping was due. After a pause of the whole machine, all peers still have half of it.
	c.beat.due = c.beat.due.Add(timeout - margin(timeout))
	if earliest := now.Add(timeout / 2); c.beat.due.Before(earliest) {
		c.beat.due = earliest
	}
	c.beat.timer.Reset(c.beat.due.Sub(now))
	c.mu.Unlock()
	c.pings.Add(1)
	c.Send(control(kindPing))
}

// pong reports whether a ping was waiting for the pong.
func (c *Conn) pong() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || !c.beat.pinged {
		return false
	}
	c.beat.pinged = false
	c.beat.due = time.Now().Add(c.server.config.PingInterval)
	c.beat.timer.Reset(c.server.config.PingInterval)
	return true
}
