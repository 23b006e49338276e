package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/studycall/studycall/closecode"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/websocket"
)

// Log is what feeds need of the event store.
type Log interface {
	Tail(after int64) *eventstore.Tail
	Head(ctx context.Context) (int64, error)
	VersionAt(ctx context.Context, stream string, position int64) (int64, error)
	ReadStreamPage(ctx context.Context, stream string, after int64, limit int) ([]eventstore.Recorded, error)
}

// ErrNotFollowing says that this server does not follow the log yet.
var ErrNotFollowing = errors.New("the log is not followed yet")

// Config is what feeds are made of.
type Config struct {
	Log Log
	// Observe is called with every event that is appended after Run has begun, in order, by one goroutine. It must not block.
	Observe func(eventstore.Recorded)
	Logger  *slog.Logger
}

// Feeds are the subscribers of this server. Its methods may be called concurrently.
type Feeds struct {
	config  Config
	sockets *websocket.Server

	following chan struct{} // closed when the tail has been opened

	mu      sync.Mutex
	byStudy map[string]map[*Subscriber]struct{}
}

// New makes feeds without subscribers. Run them.
func New(config Config) *Feeds {
	return &Feeds{
		config: config,
		sockets: websocket.New(websocket.Config{
			MaxMessage: maxMessage, PingPeriod: pingInterval, PongWait: pingInterval + pingTimeout,
			Codes: closecode.Codes(), Log: config.Logger,
		}),
		following: make(chan struct{}),
		byStudy:   map[string]map[*Subscriber]struct{}{},
	}
}

const (
	// pingInterval is the time between two pings of a subscriber, and pingTimeout how long it may take to answer one.
	pingInterval = 25 * time.Second
	pingTimeout  = time.Minute
	// maxMessage is enough to tell that a subscriber sends something, which none should.
	maxMessage = 4 << 10
	// retryPause is how long to wait before the log is read again after it could not be.
	retryPause = 200 * time.Millisecond
	// closeTimeout bounds the wait for subscribers who do not take the close frame.
	closeTimeout = 10 * time.Second
)

// Run follows the log until ctx ends. While the log cannot be read it tries again.
func (f *Feeds) Run(ctx context.Context) {
	tail := f.open(ctx)
	if tail == nil {
		return
	}
	close(f.following)
	for {
		events, err := tail.Next(ctx)
		switch {
		case ctx.Err() != nil, errors.Is(err, eventstore.ErrClosed):
			return
		case err != nil:
			f.config.Logger.Debug("could not follow the log", "error", err)
			pause(ctx)
		}
		for _, event := range events {
			f.config.Observe(event)
			f.deliver(event)
		}
	}
}

// open follows the log from its end, or gives nil when ctx ends first.
func (f *Feeds) open(ctx context.Context) *eventstore.Tail {
	for ctx.Err() == nil {
		head, err := f.config.Log.Head(ctx)
		if err == nil {
			return f.config.Log.Tail(head)
		}
		f.config.Logger.Debug("could not follow the log", "error", err)
		pause(ctx)
	}
	return nil
}

func pause(ctx context.Context) {
	select {
	case <-time.After(retryPause):
	case <-ctx.Done():
	}
}

// Serve upgrades the request of a user who may read the study's events. When it returns an error, which is ErrNotFollowing, it
// has not answered the request.
func (f *Feeds) Serve(w http.ResponseWriter, r *http.Request, subscription Subscription) error {
	select {
	case <-f.following:
	default:
		return ErrNotFollowing
	}
	if err := f.sockets.Serve(w, r, newSubscriber(f, subscription)); err != nil {
		f.config.Logger.Debug("a request was not upgraded to a feed", "error", err)
	}
	return nil
}

// Head is the position of the latest event in the log.
func (f *Feeds) Head(ctx context.Context) (int64, error) {
	head, err := f.config.Log.Head(ctx)
	if err != nil {
		return 0, fmt.Errorf("find the end of the log: %w", err)
	}
	return head, nil
}

// Subscribers are those at this moment.
func (f *Feeds) Subscribers() []*Subscriber {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*Subscriber
	for _, some := range f.byStudy {
		for s := range some {
			all = append(all, s)
		}
	}
	return all
}

// Close refuses new subscribers, closes every feed with a code that tells the subscriber to reconnect to another server, and
// waits until they are closed, for closeTimeout at most. The error is that of ctx or of the timeout.
func (f *Feeds) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	return f.sockets.Close(ctx, websocket.Restart)
}

// deliver gives an event to all subscribers of its study.
func (f *Feeds) deliver(event eventstore.Recorded) {
	f.mu.Lock()
	subscribers := make([]*Subscriber, 0, len(f.byStudy[event.Study()]))
	for s := range f.byStudy[event.Study()] {
		subscribers = append(subscribers, s)
	}
	f.mu.Unlock()
	if len(subscribers) == 0 {
		return
	}
	sent := encode(event)
	for _, s := range subscribers {
		s.deliver(sent)
	}
}

func (f *Feeds) add(s *Subscriber) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byStudy[s.StudyID] == nil {
		f.byStudy[s.StudyID] = map[*Subscriber]struct{}{}
	}
	f.byStudy[s.StudyID][s] = struct{}{}
}

func (f *Feeds) remove(s *Subscriber) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.byStudy[s.StudyID], s)
	if len(f.byStudy[s.StudyID]) == 0 {
		delete(f.byStudy, s.StudyID)
	}
}
