package feed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/feed"
	"github.com/studycall/studycall/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

const study = "go"

// server serves the feed of the study "go" to everybody, after the position in the query.
type server struct {
	t     *testing.T
	store *eventstore.Store
	url   string
}

func newServer(t *testing.T, pool *pgxpool.Pool) *server {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	store, err := eventstore.Open(t.Context(), pool, log)
	check.NoError(t, err)
	t.Cleanup(store.Close)
	feeds := feed.New(feed.Config{Log: store, Observe: func(eventstore.Recorded) {}, Logger: log})
	running, stop := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() { feeds.Run(running) })
	t.Cleanup(func() { stop(); following.Wait() })
	edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		after, err := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
		if err == nil {
			err = feeds.Serve(w, r, feed.Subscription{StudyID: study, UserID: "kim", After: after})
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(edge.Close)
	t.Cleanup(func() { check.NoError(t, feeds.Close(context.Background())) })
	return &server{t, store, edge.URL}
}

// event is an event as a subscriber gets it.
type event struct {
	Position int64 `json:"position"`
}

// subscriber is a client of a feed.
type subscriber struct {
	t    *testing.T
	conn *websocket.Conn
}

// subscribe opens a feed after the position. It waits until the server follows the log.
func (s *server) subscribe(after int64) *subscriber {
	s.t.Helper()
	url := fmt.Sprintf("ws%s/?after=%d", strings.TrimPrefix(s.url, "http"), after)
	client := &subscriber{t: s.t}
	check.Eventually(s.t, "the feed opens", func() bool {
		conn, response, err := websocket.DefaultDialer.DialContext(s.t.Context(), url, nil)
		if err == nil {
			client.conn = conn
			return true
		}
		if response == nil || response.StatusCode != http.StatusServiceUnavailable {
			s.t.Fatalf("the feed is refused: %v", err)
		}
		_ = response.Body.Close()
		return false
	})
	s.t.Cleanup(func() { _ = client.conn.Close() })
	return client
}

// next reads the next event, and returns the frame as well.
func (c *subscriber) next() (frame string, e event) {
	c.t.Helper()
	check.NoError(c.t, c.conn.SetReadDeadline(time.Now().Add(time.Minute)))
	_, data, err := c.conn.ReadMessage()
	check.NoError(c.t, err)
	check.NoError(c.t, json.Unmarshal(data, &e))
	return string(data), e
}

// fact is a fact of a session at so many seconds after a fixed time.
func fact(session string, second int) domain.Fact {
	return domain.Fact{SessionID: session, At: time.Date(2025, 11, 19, 10, 30, second, 0, time.UTC)}
}

// append appends events to a study's stream.
func (s *server) append(studyID string, version int64, events ...domain.Event) {
	s.t.Helper()
	_, err := s.store.Append(s.t.Context(), eventstore.Stream(studyID), version, events)
	check.NoError(s.t, err)
}

func TestASubscriberGetsItsStudysEventsAfterThePosition(t *testing.T) {
	t.Parallel()
	s := newServer(t, postgrestest.New(t))
	s.append("rust", 0, domain.SessionStarted{Fact: fact("r1", 0), StartedBy: "lee"})
	s.append(study, 0,
		domain.SessionStarted{Fact: fact("s1", 0), StartedBy: "kim"},
		domain.ParticipantJoined{Fact: fact("s1", 1), ParticipantID: "p1", UserID: "kim"})
	fromStart, fromTheMiddle, fromNow := s.subscribe(0), s.subscribe(2), s.subscribe(3)
	s.append("rust", 1, domain.SessionEnded{Fact: fact("r1", 2), Reason: domain.NobodyJoined})
	s.append(study, 2, domain.AudioMuted{Fact: fact("s1", 3), UserID: "kim"})
	want := []string{
		`{"position":2,"type":"SessionStarted","sessionId":"s1","data":{"userId":"kim"},"occurredAt":"2025-11-19T10:30:00.000Z"}`,
		`{"position":3,"type":"ParticipantJoined","sessionId":"s1","data":{"participantId":"p1","userId":"kim"},"occurredAt":"2025-11-19T10:30:01.000Z"}`,
		`{"position":5,"type":"AudioMuted","sessionId":"s1","data":{"userId":"kim"},"occurredAt":"2025-11-19T10:30:03.000Z"}`,
	}
	for _, c := range []struct {
		subscriber *subscriber
		want       []string
	}{{fromStart, want}, {fromTheMiddle, want[1:]}, {fromNow, want[2:]}} {
		for _, event := range c.want {
			if got, _ := c.subscriber.next(); got != event {
				t.Errorf("got  %s\nwant %s", got, event)
			}
		}
	}
}

// Subscribers cut their connections at random while two servers append, and resume on either server.
func TestAFeedThatIsCutAndResumedShowsEachEventOnce(t *testing.T) {
	t.Parallel()
	events, subscribers := int64(3000), 4
	if testing.Short() {
		events, subscribers = 600, 2
	}
	pool := postgrestest.New(t)
	servers := []*server{newServer(t, pool), newServer(t, pool)}
	var clients sync.WaitGroup
	clients.Go(func() {
		version := int64(0)
		for version < events {
			batch := []domain.Event{domain.SessionStarted{Fact: fact(fmt.Sprint("s", version), 0), StartedBy: "kim"}}
			for range rand.IntN(20) {
				batch = append(batch, domain.AudioMuted{Fact: fact(fmt.Sprint("s", version), 1), UserID: "kim"})
			}
			if _, err := servers[rand.IntN(2)].store.Append(t.Context(), eventstore.Stream(study), version, batch); err != nil {
				t.Error(err)
				return
			}
			version += int64(len(batch))
		}
	})
	for range subscribers {
		clients.Go(func() {
			last := int64(0)
			for last < events {
				client := servers[rand.IntN(2)].subscribe(last)
				for range 1 + rand.IntN(700) {
					_, event := client.next()
					if event.Position != last+1 {
						t.Errorf("event %d follows event %d", event.Position, last)
						return
					}
					if last = event.Position; last >= events {
						break
					}
				}
				_ = client.conn.UnderlyingConn().Close()
			}
		})
	}
	clients.Wait()
}
