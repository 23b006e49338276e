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
	// Heard is called with every event that is appended from now on, by one goroutine, in order. It must not block.
	Heard func(eventstore.Recorded)
	// PingInterval and PingTimeout are how often a subscriber is pinged, and how long it may take to answer.
	PingInterval, PingTimeout time.Duration
	Logger                    *slog.Logger
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
			MaxMessage: maxMessage, PingPeriod: config.PingInterval, PongWait: config.PingInterval + config.PingTimeout,
			Codes: closecode.Codes(), Log: config.Logger,
		}),
		following: make(chan struct{}),
		byStudy:   map[string]map[*Subscriber]struct{}{},
	}
}

const (
	// maxMessage is enough to tell that a subscriber sends something, which none should.
	maxMessage = 4 << 10
	// retryPause is how long to wait before the log is read again after it could not be.
	retryPause = 200 * time.Millisecond
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
			f.config.Heard(event)
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

// Serve upgrades a request of somebody who may read the study's events. When it returns an error that is not
// ErrNotFollowing, the request has been answered.
func (f *Feeds) Serve(w http.ResponseWriter, r *http.Request, subscription Subscription) error {
	select {
	case <-f.following:
	default:
		return ErrNotFollowing
	}
	return f.sockets.Serve(w, r, newSubscriber(f, subscription))
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

// Close takes no more subscribers, closes all there are with the code, and waits until they are gone. The error is ctx's.
func (f *Feeds) Close(ctx context.Context, code websocket.CloseCode) error {
	return f.sockets.Close(ctx, code)
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
