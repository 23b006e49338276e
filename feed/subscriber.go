package feed

import (
	"context"
	"errors"
	"sync"

	"github.com/studycall/studycall/closecode"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/websocket"
)

const (
	// pageSize is how many old events a subscriber is sent at once.
	pageSize = 500
	// pendingLimit is how many new events are held during the catch-up. If there are more, they are read from the log.
	pendingLimit = 500
)

// Subscription names the subscriber, the study, and the position after which the feed begins.
type Subscription struct {
	StudyID, UserID string
	After           int64
}

// Subscriber is one open feed. It begins by catching up: it sends old events from the log and holds new ones. Then it is live,
// and sends new events at once.
type Subscriber struct {
	Subscription

	feeds  *Feeds
	conn   *websocket.Conn
	cancel context.CancelFunc
	done   chan struct{} // closed when the catch-up has ended

	mu      sync.Mutex
	live    bool
	last    int64   // position of the last event sent, once live
	pending []frame // new events during the catch-up
	missed  bool    // more than pendingLimit events came during the catch-up
}

// Revoke closes the feed of a user who may no longer read the study's events.
func (s *Subscriber) Revoke() { s.conn.Close(closecode.Removed) }

// Open implements websocket.Handler.
func (s *Subscriber) Open(conn *websocket.Conn) {
	ctx, cancel := context.WithCancel(context.Background())
	s.conn, s.cancel = conn, cancel
	// New events are held from here on, before the log is read, so that none is missed between the two.
	s.feeds.add(s)
	go func() {
		defer close(s.done)
		if err := s.catchUp(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, websocket.ErrClosed) {
			s.feeds.config.Logger.Warn("a subscriber could not catch up", "study", s.StudyID, "error", err)
			conn.Close(websocket.Internal)
		}
	}()
}

// Message implements websocket.Handler. Subscribers must not send anything.
func (s *Subscriber) Message(conn *websocket.Conn, _ []byte, _ bool) { conn.Close(closecode.BadPacket) }

// Closed implements websocket.Handler.
func (s *Subscriber) Closed(*websocket.Conn, error) {
	s.feeds.remove(s)
	s.cancel()
	<-s.done
}

// catchUp sends the events of the study's stream after the position, then those that came meanwhile, and makes the feed live.
func (s *Subscriber) catchUp(ctx context.Context) error {
	log, stream, last := s.feeds.config.Log, eventstore.Stream(s.StudyID), s.After
	version, err := log.VersionAt(ctx, stream, s.After)
	if err != nil {
		return err
	}
	for {
		events, err := log.ReadStreamPage(ctx, stream, version, pageSize)
		if err != nil {
			return err
		}
		if len(events) == 0 && s.goLive(last) {
			return nil
		}
		for _, event := range events {
			s.conn.Send(encode(event).text)
			version, last = event.Version, event.Position
		}
		if err := s.conn.Drained(ctx); err != nil {
			return err
		}
	}
}

// goLive makes the feed live and sends the pending events, except those up to last, which were read from the log. If events
// were missed, it returns false, and the log has to be read again.
func (s *Subscriber) goLive(last int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.missed {
		s.missed, s.pending = false, nil
		return false
	}
	s.live, s.last = true, last
	for _, event := range s.pending {
		s.send(event)
	}
	s.pending = nil
	return true
}

// deliver sends a new event, or holds it during the catch-up.
func (s *Subscriber) deliver(event frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.live:
		s.send(event)
	case len(s.pending) < pendingLimit:
		s.pending = append(s.pending, event)
	default:
		s.missed = true
	}
}

// send sends an event unless it was sent before. The caller holds the lock.
func (s *Subscriber) send(event frame) {
	if event.position > s.last {
		s.last = event.position
		s.conn.Send(event.text)
	}
}
