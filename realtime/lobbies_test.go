package realtime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/websocket"
)

// inbox is a link that keeps the messages that it is sent.
type inbox struct {
	mu  sync.Mutex
	all []*message
}

func (i *inbox) send(m *message) {
	runtime.Gosched() // a socket does so too
	i.mu.Lock()
	defer i.mu.Unlock()
	i.all = append(i.all, m)
}

func (*inbox) close(websocket.CloseCode) {}

// A client that counts the users who go online and offline always has the published count, whatever the concurrency.
func TestTheOnlineCountMatchesThePublishedEvents(t *testing.T) {
	t.Parallel()
	lobbies, received := newLobbies(), &inbox{}
	observer := newClient("observer", membership.User{ID: "observer"}, domain.English, received, newLimits(DefaultRates()))
	lobbies.join(observer, "go", time.Now())
	var others sync.WaitGroup
	for i := range 8 {
		others.Go(func() {
			for range 300 {
				c := newClient("s", membership.User{ID: fmt.Sprint("u", i/2)}, domain.English, &inbox{}, newLimits(DefaultRates()))
				lobbies.join(c, "go", time.Now())
				lobbies.leave(c, "go", time.Now())
			}
		})
	}
	for range 300 {
		lobbies.join(observer, "go", time.Now())
	}
	others.Wait()
	lobbies.join(observer, "go", time.Now())

	online := map[string]bool{"observer": true}
	for i, m := range received.all {
		var data struct {
			UserID      string
			OnlineCount int
		}
		check.NoError(t, json.Unmarshal(bytes.Join(m.parts, nil), &data))
		switch m.event {
		case eventStudyJoined:
			if data.OnlineCount != len(online) {
				t.Fatalf("message %d has the count %d, and %d users are online", i, data.OnlineCount, len(online))
			}
		case eventUserOnline:
			if online[data.UserID] {
				t.Fatalf("message %d: %s goes online twice", i, data.UserID)
			}
			online[data.UserID] = true
		case eventUserOffline:
			if !online[data.UserID] {
				t.Fatalf("message %d: %s goes offline twice", i, data.UserID)
			}
			delete(online, data.UserID)
		}
	}
	if len(online) != 1 {
		t.Errorf("in the end %v are online", online)
	}
}
