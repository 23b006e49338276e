package websocket

import (
	"net/http"
	"time"
)

const (
	// DefaultControls is how many control frames, or packets, a peer may send in controlWindow: far more than any client sends.
	// Messages are counted by the Handler, if at all.
	DefaultControls = 100
	controlWindow   = 10 * time.Second

	// maxHeaders is how many bytes the request of a connection may have before its body, because some headers are kept as long as
	// the connection lives. Browsers send a few KB; a session cookie in chunks has 4 KB each.
	maxHeaders = 64 << 10
)

// ControlLimit counts the control frames of a peer. They are not messages, but each costs an answer. The zero value is ready. It
// is not safe for concurrent use.
type ControlLimit struct {
	start time.Time
	count int
}

// Allow counts one frame. It reports whether at most limit frames came in 10 seconds.
func (l *ControlLimit) Allow(now time.Time, limit int) bool {
	if now.Sub(l.start) >= controlWindow {
		l.start, l.count = now, 0
	}
	l.count++
	return l.count <= limit
}

// HeadersTooLarge reports whether the request line and headers exceed 64 KB.
func HeadersTooLarge(r *http.Request) bool {
	size := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len(r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + len(": \r\n")
		}
	}
	return size > maxHeaders
}
