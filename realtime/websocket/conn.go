package websocket

import (
	"fmt"
	"time"
)

// Conn is one connection. All methods may be called concurrently; none blocks.
type Conn struct{}

// PeerClose is the cause of a connection that the peer closed with a close frame.
type PeerClose struct {
	Code int // 1005 if the peer gave none (RFC 6455, section 7.4.1)
	Text string
}

func (p *PeerClose) Error() string { return fmt.Sprintf("closed by the peer with %d: %s", p.Code, p.Text) }

// Send queues frames, together and in order. When they do not fit in the queue the connection is closed with TooSlow;
// after that, as after Close, Send does nothing.
func (c *Conn) Send(frames ...Frame) {}

// Close sends what is queued, then the code, then hangs up. Only the first call counts.
func (c *Conn) Close(code CloseCode) {}

// LastHeard is when bytes last came from the peer.
func (c *Conn) LastHeard() time.Time { return time.Time{} }
