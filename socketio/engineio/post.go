package engineio

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/studycall/studycall/websocket"
)

// post takes the packets of a POST's body, and answers when they have been handled.
func (c *Conn) post(w http.ResponseWriter, r *http.Request) {
	c.heard.Store(time.Now().UnixNano())
	if refused := c.startPost(r); refused != 0 {
		refused.answer(w)
		return
	}
	defer c.stopPost()
	body, err := readAll(r, c.server.config.MaxPayload)
	switch {
	case errors.Is(err, errTooLarge):
		c.end(ParseError, websocket.TooBig)
		tooLarge.answer(w)
		return
	case err != nil: // the client is gone
		c.end(TransportClose, websocket.Normal)
		badRequest.answer(w)
		return
	}
	packets, err := decodePayload(body)
	if err != nil {
		c.end(ParseError, websocket.BadPacket)
		badRequest.answer(w)
		return
	}
	for _, p := range packets {
		if !c.receive(p) {
			break
		}
	}
	w.Header().Set("Content-Type", "text/html") // as the reference server says
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "ok") // fails when the client is gone, which the next poll shows
}

// startPost says whether the post may be read: there may be one at a time.
func (c *Conn) startPost(r *http.Request) refusal {
	c.mu.Lock()
	p := c.polling
	switch {
	case c.ended:
		c.mu.Unlock()
		return unknownSession
	case p == nil || c.socket.Load() != nil:
		c.mu.Unlock()
		return badRequest
	case p.posting || r.Header.Get("Content-Type") == "application/octet-stream": // bytes are for older revisions
		c.mu.Unlock()
		c.end(ParseError, websocket.Protocol)
		return badRequest
	}
	p.posting = true
	c.mu.Unlock()
	return 0
}

func (c *Conn) stopPost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.polling.posting = false
}

var errTooLarge = errors.New("the body is too large")

// readAll reads a body of at most limit bytes, and one byte more to know.
func readAll(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, errTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if int64(len(body)) > limit {
		return nil, errTooLarge
	}
	return body, err
}
