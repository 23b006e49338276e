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
	// pageSize is how many events a subscriber that catches up is sent at once.
	pageSize = 500
	// pendingLimit is how many events that come meanwhile are held; if there are more, they are read from the log.
	pendingLimit = 500
)

// Subscription is who subscribes to which study's events, after which position of the log.
type Subscription struct {
	StudyID, UserID string
	After           int64
}

// Subscriber is somebody's feed.
type Subscriber struct {
	Subscription

	feeds *Feeds
	conn  *websocket.Conn
	over  context.CancelFunc
	done  chan struct{} // closed when it has caught up, or will not

	mu      sync.Mutex
	live    bool   // it has caught up
	last    int64  // position of the last event sent, once live
	pending []sent // what came while it caught up
	missed  bool   // more came than is held
}

func newSubscriber(f *Feeds, subscription Subscription) *Subscriber {
	return &Subscriber{Subscription: subscription, feeds: f, done: make(chan struct{})}
}

// Revoke closes the feed of a user who is no longer allowed to read the study's events.
func (s *Subscriber) Revoke() { s.conn.Close(closecode.Removed) }

// Open implements websocket.Handler.
func (s *Subscriber) Open(conn *websocket.Conn) {
	ctx, over := context.WithCancel(context.Background())
	s.conn, s.over = conn, over
	// From here on what comes is held, so that what is read from the log afterwards lacks nothing of what was before.
	s.feeds.add(s)
	go func() {
		defer close(s.done)
		err := s.catchUp(ctx)
		if err != nil && ctx.Err() == nil && !errors.Is(err, websocket.ErrClosed) {
			s.feeds.config.Logger.Warn("a subscriber could not catch up", "study", s.StudyID, "error", err)
			conn.Close(websocket.Internal)
		}
	}()
}

// Message implements websocket.Handler: a subscriber has nothing to say.
func (s *Subscriber) Message(conn *websocket.Conn, _ []byte, _ bool) { conn.Close(closecode.BadPacket) }

// Closed implements websocket.Handler.
func (s *Subscriber) Closed(*websocket.Conn, error) {
	s.feeds.remove(s)
	s.over()
	<-s.done
}

// catchUp sends what is in the study's stream after the position, then what came meanwhile, and then lets come what comes.
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
			s.conn.Send(encode(event).frame)
			version, last = event.Version, event.Position
		}
		if err := s.conn.Drained(ctx); err != nil {
			return err
		}
	}
}

// goLive sends what came in the meantime and was not read from the log. It reports false where more came than was held: that
// is in the log by now.
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

// deliver takes an event that has just come.
func (s *Subscriber) deliver(event sent) {
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

// send leaves out what was read from the log before it was heard of.
func (s *Subscriber) send(event sent) {
	if event.position > s.last {
		s.last = event.position
		s.conn.Send(event.frame)
	}
}
