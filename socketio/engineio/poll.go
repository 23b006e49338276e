package engineio

import (
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/studycall/studycall/websocket"
)

// poll answers a GET with what waits, or waits for it. It ends by the next ping at the latest.
func (c *Conn) poll(w http.ResponseWriter, r *http.Request) {
	c.heard.Store(time.Now().UnixNano())
	early, refused := c.startPoll()
	if refused != 0 {
		refused.answer(w)
		return
	}
	// A read deadline that passes while the poll waits would look as if the client had gone.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // where it can be set
	hold := time.NewTimer(time.Hour)
	defer hold.Stop()
	for r.Context().Err() == nil { // what waits is not for a client that is gone
		body, wait, refused := c.pollResult(early)
		switch {
		case refused != 0:
			refused.answer(w)
			return
		case body != nil:
			if err := answer(w, body); err != nil {
				c.pollBroke(err)
			} else { // a connection that ends now may just be a proxy's, which makes one for each request
				c.pollAnswered()
			}
			return
		}
		hold.Reset(wait)
		select {
		case <-c.polling.wake:
		case <-hold.C:
		case <-r.Context().Done():
		}
	}
	c.stopPoll()
	c.pollBroke(nil)
}

// pollBroke is told that a poll's connection broke, by an error of writing the answer if there is one. A client that
// polls does not go on after that. One that has changed to its WebSocket since has no more to do with its polls.
func (c *Conn) pollBroke(err error) {
	if c.socket.Load() != nil {
		return
	}
	at := time.Now()
	if errors.Is(err, os.ErrDeadlineExceeded) { // it took nothing
		at = c.lastHeard()
	}
	c.endAt(at, TransportClose, websocket.Normal)
}

// pollAnswered begins to wait for the next poll.
func (c *Conn) pollAnswered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.polling; !c.ended && !p.getting && c.socket.Load() == nil {
		p.stopMissing()
		p.missing = time.AfterFunc(c.server.config.PollGap, c.pollMissing)
	}
}

// pollMissing is called by the timer when the next poll has not come. The client has died in between, where no broken connection
// shows it, unless it is still posting or changing to a WebSocket.
func (c *Conn) pollMissing() {
	c.mu.Lock()
	p, gap := c.polling, c.server.config.PollGap
	if c.ended || p.getting || c.socket.Load() != nil {
		c.mu.Unlock()
		return
	}
	heard := c.lastHeard()
	if p.posting || p.candidate != nil || time.Since(heard) < gap {
		p.missing.Reset(gap)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	c.endAt(heard, TransportClose, websocket.Normal)
}

// startPoll says whether the poll may wait, and whether it came before any upgrade was tried.
func (c *Conn) startPoll() (early bool, refused refusal) {
	c.mu.Lock()
	p := c.polling
	switch {
	case p == nil || c.socket.Load() != nil:
		c.mu.Unlock()
		return false, badRequest
	case c.ended && (!p.said || p.getting || p.answered):
		c.mu.Unlock()
		return false, unknownSession
	case p.getting:
		c.mu.Unlock()
		c.end(ServerClose, websocket.Protocol)
		return false, badRequest
	}
	p.getting = true
	p.stopMissing()
	early = p.candidate == nil
	c.mu.Unlock()
	return early, 0
}

func (c *Conn) stopPoll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.polling.getting = false
}

// pollResult is the answer to the waiting poll, if there is one yet, and else how long to wait before looking again.
func (c *Conn) pollResult(early bool) (body []byte, wait time.Duration, refused refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.polling
	switch {
	case c.ended && p.said:
		p.answered = true
		c.forget()
		body = []byte{kindNoop}
	case c.ended && c.reason == ServerClose:
		p.queue = append(p.queue, control(kindClose))
		body = p.body()
	case c.ended:
		refused = unknownSession
	case c.socket.Load() != nil && !early:
		refused = badRequest // the client should have waited for the upgrade
	case c.socket.Load() != nil, early && !p.probed.IsZero():
		body = []byte{kindNoop}
	case len(p.queue) > 0:
		body = p.body()
	case !p.probed.IsZero() && time.Since(p.probed) >= probeHold:
		body = []byte{kindNoop}
	case !p.probed.IsZero():
		return nil, probeHold - time.Since(p.probed), 0
	default:
		return nil, time.Hour, 0
	}
	p.getting = false
	return body, 0, refused
}
