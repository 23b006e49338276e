package engineio

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/studycall/studycall/websocket"
)

const (
	// probeHold is how long a poll is held that comes during an upgrade. Without it the peer would poll in a loop until the upgrade
	// is done. The reference server checks every 100 ms.
	probeHold = 100 * time.Millisecond
	// answerWait is how long a peer may take to accept the answer to a poll.
	answerWait = 10 * time.Second
)

// polling is the state of a connection on long-polling. Conn.mu guards it, except wake.
type polling struct {
	queue    []Message
	bytes    int           // of the queue
	wake     chan struct{} // makes the waiting poll call pollResult again
	inPoll   bool          // a poll waits or is being answered
	inPost   bool          // a post is being read or handled
	gapTimer *time.Timer   // fires when no poll follows the last answer; nil before the first answer

	candidate *candidate // the WebSocket of an upgrade
	probed    time.Time  // when the candidate answered a probe; zero before

	peerClosed bool // the peer sent a close packet
	lastPoll   bool // the poll after the close packet was answered
}

// add queues messages, all or none. Their number is not limited, only their bytes: between two polls a round trip passes, in which
// each sender of many may send a thousand messages without exceeding its limits.
func (p *polling) add(messages []Message, maxBytes int) bool {
	size := 0
	for _, m := range messages {
		size += m.Size()
	}
	if p.bytes+size > maxBytes {
		return false
	}
	p.queue = append(p.queue, messages...)
	p.bytes += size
	p.wakePoll()
	return true
}

func (p *polling) wakePoll() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *polling) stopGapTimer() {
	if p.gapTimer != nil {
		p.gapTimer.Stop()
	}
}

// end wakes the waiting poll and closes the candidate. It reports whether one more poll is expected.
func (p *polling) end() bool {
	p.wakePoll()
	p.stopGapTimer()
	if p.candidate != nil {
		p.candidate.close()
	}
	return p.peerClosed && !p.inPoll
}

// takeBody empties the queue into the answer to a poll.
func (p *polling) takeBody() []byte {
	body := make([]byte, 0, p.bytes+len(p.queue))
	for i, m := range p.queue {
		if i > 0 {
			body = append(body, separator)
		}
		body = m.appendTo(body)
	}
	p.queue, p.bytes = nil, 0
	return body
}

// poll answers a GET with the queue, or waits for a message. A ping ends the wait at the latest.
func (c *Conn) poll(w http.ResponseWriter, r *http.Request) {
	c.lastRequest.Store(time.Now().UnixNano())
	beforeUpgrade, refused := c.startPoll()
	if refused != nil {
		refused.write(w)
		return
	}
	// A read deadline that passes while the poll waits would look like a closed connection.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // not every ResponseWriter has one
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for r.Context().Err() == nil { // a closed connection must not take the queue
		body, wait, refused := c.pollResult(beforeUpgrade)
		switch {
		case refused != nil:
			refused.write(w)
			return
		case body != nil:
			if err := writeAnswer(w, body); err != nil {
				c.pollBroke(err)
			} else { // an HTTP connection that ends now may be that of a proxy, which opens one per request
				c.pollAnswered()
			}
			return
		}
		timer.Reset(wait)
		select {
		case <-c.polling.wake:
		case <-timer.C:
		case <-r.Context().Done():
		}
	}
	c.mu.Lock()
	c.polling.inPoll = false
	c.mu.Unlock()
	c.pollBroke(nil)
}

// startPoll checks whether the poll may wait, and reports whether it came before an upgrade began.
func (c *Conn) startPoll() (beforeUpgrade bool, refused *refusal) {
	c.mu.Lock()
	p := c.polling
	switch {
	case p == nil || c.socket.Load() != nil:
		c.mu.Unlock()
		return false, badRequest
	case c.ended && (!p.peerClosed || p.inPoll || p.lastPoll):
		c.mu.Unlock()
		return false, unknownSession
	case p.inPoll:
		c.mu.Unlock()
		c.end(ServerClose, websocket.Protocol)
		return false, badRequest
	}
	p.inPoll = true
	p.stopGapTimer()
	beforeUpgrade = p.candidate == nil
	c.mu.Unlock()
	return beforeUpgrade, nil
}

// pollResult returns the answer to the waiting poll, or how long to wait before the next call.
func (c *Conn) pollResult(beforeUpgrade bool) (body []byte, wait time.Duration, refused *refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.polling
	switch {
	case c.ended && p.peerClosed:
		p.lastPoll = true
		c.server.remove(c)
		body = []byte{kindNoop}
	case c.ended && c.reason == ServerClose:
		p.queue = append(p.queue, control(kindClose))
		body = p.takeBody()
	case c.ended:
		refused = unknownSession
	case c.socket.Load() != nil && !beforeUpgrade:
		refused = badRequest // a client must not poll between probe and upgrade
	case c.socket.Load() != nil, beforeUpgrade && !p.probed.IsZero():
		body = []byte{kindNoop}
	case len(p.queue) > 0:
		body = p.takeBody()
	case !p.probed.IsZero() && time.Since(p.probed) >= probeHold:
		body = []byte{kindNoop}
	case !p.probed.IsZero():
		return nil, probeHold - time.Since(p.probed), nil
	default:
		return nil, time.Hour, nil
	}
	p.inPoll = false
	return body, 0, refused
}

// writeAnswer answers a poll.
func writeAnswer(w http.ResponseWriter, body []byte) error {
	// The HTTP server's write deadline counts from the request and may have passed.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerWait)) // not every ResponseWriter has one
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if _, err := w.Write(body); err != nil {
		return err
	}
	if err := http.NewResponseController(w).Flush(); !errors.Is(err, http.ErrNotSupported) {
		return err // without the flush, the failure of a small answer would go unnoticed
	}
	return nil
}

// pollAnswered starts the timer for the next poll.
func (c *Conn) pollAnswered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.polling; !c.ended && !p.inPoll && c.socket.Load() == nil {
		p.stopGapTimer()
		p.gapTimer = time.AfterFunc(c.server.config.PollGap, c.pollMissing)
	}
}

// pollMissing is called by the timer when no poll has followed. The peer has died between two polls, where no broken connection
// shows it, unless it is still posting or upgrading.
func (c *Conn) pollMissing() {
	c.mu.Lock()
	p, gap := c.polling, c.server.config.PollGap
	if c.ended || p.inPoll || c.socket.Load() != nil {
		c.mu.Unlock()
		return
	}
	lastRead := c.LastRead()
	if p.inPost || p.candidate != nil || time.Since(lastRead) < gap {
		p.gapTimer.Reset(gap)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	c.endAt(lastRead, TransportClose, websocket.Normal, nil)
}

// pollBroke ends the connection because the HTTP connection of a poll broke, with the error of writing the answer, if any. A client
// does not go on after that, unless it has upgraded.
func (c *Conn) pollBroke(err error) {
	if c.socket.Load() != nil {
		return
	}
	lastAlive := time.Now()
	if errors.Is(err, os.ErrDeadlineExceeded) { // the peer took nothing
		lastAlive = c.LastRead()
	}
	c.endAt(lastAlive, TransportClose, websocket.Normal, nil)
}

// post handles the packets of a POST, and answers afterwards.
func (c *Conn) post(w http.ResponseWriter, r *http.Request) {
	c.lastRequest.Store(time.Now().UnixNano())
	if refused := c.startPost(r); refused != nil {
		refused.write(w)
		return
	}
	defer c.stopPost()
	body, err := readAll(r, c.server.config.MaxPayload)
	switch {
	case errors.Is(err, errTooLarge):
		c.end(ParseError, websocket.TooBig)
		tooLarge.write(w)
		return
	case err != nil: // the connection is closed
		c.end(TransportClose, websocket.Normal)
		badRequest.write(w)
		return
	}
	packets, err := decodePayload(body)
	if err != nil {
		c.end(ParseError, c.server.config.Codes.BadPacket)
		badRequest.write(w)
		return
	}
	for _, p := range packets {
		if !c.receive(p) {
			break
		}
	}
	w.Header().Set("Content-Type", "text/html") // as the reference server
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "ok") // fails when the connection is closed, which the next poll shows
}

// startPost checks whether the post may be read. There may be one at a time.
func (c *Conn) startPost(r *http.Request) *refusal {
	c.mu.Lock()
	p := c.polling
	switch {
	case c.ended:
		c.mu.Unlock()
		return unknownSession
	case p == nil || c.socket.Load() != nil:
		c.mu.Unlock()
		return badRequest
	case p.inPost || r.Header.Get("Content-Type") == "application/octet-stream": // binary bodies belong to older revisions
		c.mu.Unlock()
		c.end(ParseError, websocket.Protocol)
		return badRequest
	}
	p.inPost = true
	c.mu.Unlock()
	return nil
}

func (c *Conn) stopPost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.polling.inPost = false
}

var errTooLarge = errors.New("the body is too large")

// readAll reads a body of at most limit bytes.
func readAll(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, errTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1)) // one byte more shows that the body is too large
	if int64(len(body)) > limit {
		return nil, errTooLarge
	}
	return body, err
}
