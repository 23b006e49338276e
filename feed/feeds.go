package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/closecode"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/websocket"
)

const (
	// maxMessage limits what a subscriber may send, in bytes. Subscribers should send nothing.
	maxMessage = 4 << 10
	// pingInterval is the time between two pings of a subscriber, and pingTimeout how long it may take to answer one.
	pingInterval = 25 * time.Second
	pingTimeout  = time.Minute
	// retryPause is the pause before the log is read again after an error.
	retryPause = 200 * time.Millisecond
	// closeTimeout bounds the wait for subscribers who do not take the close frame.
	closeTimeout = 10 * time.Second
)

// ErrNotFollowing refuses subscribers until this server follows the log.
var ErrNotFollowing = errors.New("the log is not followed yet")

// Log is what feeds need of the event store.
type Log interface {
	Tail(after int64) *eventstore.Tail
	Head(ctx context.Context) (int64, error)
	VersionAt(ctx context.Context, stream string, position int64) (int64, error)
	ReadStreamPage(ctx context.Context, stream string, after int64, limit int) ([]eventstore.Recorded, error)
}

// Config configures feeds.
type Config struct {
	Log Log
	// Observe is called with every event that is appended after Run has begun, in order, by one goroutine. It must not block.
	Observe func(eventstore.Recorded)
	Logger  *slog.Logger
}

// Feeds are the subscribers of this server. The methods may be called concurrently.
type Feeds struct {
	config    Config
	sockets   *websocket.Server
	tail      *eventstore.Tail // used by Run alone; nil until Run follows the log
	following chan struct{}    // closed once Run follows the log

	mu      sync.Mutex
	byStudy map[string]map[*Subscriber]struct{}
}

// New makes feeds without subscribers. Call Run.
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

// Run follows the log from its end until ctx ends or the store is closed. After an error it retries.
func (f *Feeds) Run(ctx context.Context) {
	for ctx.Err() == nil {
		events, err := f.next(ctx)
		switch {
		case errors.Is(err, eventstore.ErrClosed):
			return
		case err != nil && ctx.Err() == nil:
			f.config.Logger.Debug("could not follow the log", "error", err)
			select {
			case <-time.After(retryPause):
			case <-ctx.Done():
			}
		}
		for _, event := range events {
			f.config.Observe(event)
			f.deliver(event)
		}
	}
}

// next waits for new events. The first call opens the tail instead.
func (f *Feeds) next(ctx context.Context) ([]eventstore.Recorded, error) {
	if f.tail != nil {
		return f.tail.Next(ctx)
	}
	head, err := f.config.Log.Head(ctx)
	if err != nil {
		return nil, err
	}
	f.tail = f.config.Log.Tail(head)
	close(f.following)
	return nil, nil
}

// Serve upgrades the request of a user who may read the study's events. When it returns an error, which is ErrNotFollowing, it
// has not answered the request.
func (f *Feeds) Serve(w http.ResponseWriter, r *http.Request, subscription Subscription) error {
	select {
	case <-f.following:
	default:
		return ErrNotFollowing
	}
	subscriber := &Subscriber{Subscription: subscription, feeds: f, done: make(chan struct{})}
	if err := f.sockets.Serve(w, r, subscriber); err != nil {
		f.config.Logger.Debug("a request was not upgraded to a feed", "error", err)
	}
	return nil
}

// Head returns the position of the latest event in the log.
func (f *Feeds) Head(ctx context.Context) (int64, error) {
	head, err := f.config.Log.Head(ctx)
	if err != nil {
		return 0, fmt.Errorf("find the end of the log: %w", err)
	}
	return head, nil
}

// Subscribers returns the current subscribers.
func (f *Feeds) Subscribers() []*Subscriber {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*Subscriber
	for _, subscribers := range f.byStudy {
		all = slices.AppendSeq(all, maps.Keys(subscribers))
	}
	return all
}

// Close refuses new subscribers, closes every feed with code 1012, after which a subscriber reconnects, and
// waits until they are closed, for closeTimeout at most. The error is that of ctx or of the timeout.
func (f *Feeds) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	return f.sockets.Close(ctx, websocket.Restart)
}

// frame is an encoded event.
type frame struct {
	position int64
	text     websocket.Frame
}

func encode(event eventstore.Recorded) frame {
	encoded, err := json.Marshal(api.NewEvent(event))
	if err != nil {
		panic(err) // cannot happen: Postgres stores the data as valid JSON
	}
	return frame{event.Position, websocket.Text(encoded)}
}

// deliver sends an event to all subscribers of its study.
func (f *Feeds) deliver(event eventstore.Recorded) {
	f.mu.Lock()
	subscribers := slices.Collect(maps.Keys(f.byStudy[event.Study()]))
	f.mu.Unlock()
	if len(subscribers) == 0 {
		return
	}
	encoded := encode(event)
	for _, s := range subscribers {
		s.deliver(encoded)
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
