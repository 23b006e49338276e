package engineio

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

const (
	// probeHold is how long a poll that comes while an upgrade is under way is held: without it the client would ask again
	// and again until the upgrade is done. The reference server looks every 100 ms.
	probeHold = 100 * time.Millisecond
	// answerWait is how long a client may take to accept the answer to a poll.
	answerWait = 10 * time.Second
)

// polling is the state of a connection on long-polling. Conn's mutex guards it, but for wake.
type polling struct {
	queue   []Message
	bytes   int           // of the queue
	wake    chan struct{} // tells the waiting poll to look again
	getting bool          // a poll is waiting or being answered
	posting bool          // a post is being read or handled
	missing *time.Timer   // due when the next poll should have come; nil before the first answer

	candidate *candidate // the WebSocket that the client tries
	probed    time.Time  // when that answered a probe, zero before

	said     bool // the client said that it closes
	answered bool // it had the answer to its last poll
}

// add queues messages, all or none. However many there are: between two polls a round trip passes, in which those of a room
// may send a thousand each and keep to their limits. What bounds them is bytes.
func (p *polling) add(messages []Message, config *Config) bool {
	size := 0
	for _, m := range messages {
		size += m.size()
	}
	if p.bytes+size > config.QueueBytes {
		return false
	}
	p.queue = append(p.queue, messages...)
	p.bytes += size
	p.look()
	return true
}

// look has the waiting poll look again.
func (p *polling) look() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *polling) stopMissing() {
	if p.missing != nil {
		p.missing.Stop()
	}
}

// end wakes the waiting poll, closes the WebSocket that is being tried, and says whether another poll has to be answered.
func (p *polling) end() (linger bool) {
	p.look()
	p.stopMissing()
	if p.candidate != nil {
		p.candidate.giveUp()
	}
	return p.said && !p.getting
}

// body takes what waits, as the answer to a poll.
func (p *polling) body() []byte {
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

// answer is what a poll gets.
func answer(w http.ResponseWriter, body []byte) error {
	// The server's own write deadline began with the request, and may be over.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerWait)) // where it can be set
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if _, err := w.Write(body); err != nil {
		return err
	}
	if err := http.NewResponseController(w).Flush(); !errors.Is(err, http.ErrNotSupported) {
		return err // else a small answer to a dead client would fail where nobody sees it
	}
	return nil
}
