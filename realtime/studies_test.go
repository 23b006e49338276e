package realtime

import (
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/websocket"
)

// heard is a link that keeps what it is sent.
type heard struct {
	mu  sync.Mutex
	all []*message
}

func (h *heard) send(m *message) {
	runtime.Gosched() // as a socket does, it lets others go on
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, m)
}

func (*heard) close(websocket.CloseCode) {}

// Whoever counts who comes and goes always has the number that the service tells, however many come and go at once.
func TestTheOnlineCountIsWhatWasTold(t *testing.T) {
	t.Parallel()
	st, told := newStudies(), &heard{}
	observer := newClient("observer", membership.User{ID: "observer"}, domain.English, told, newLimits(DefaultRates()))
	st.join(observer, "go", time.Now())
	var others sync.WaitGroup
	for i := range 8 {
		others.Go(func() {
			for range 300 {
				c := newClient("s", membership.User{ID: fmt.Sprint("u", i/2)}, domain.English, &heard{}, newLimits(DefaultRates()))
				st.join(c, "go", time.Now())
				st.leave(c, "go", time.Now())
			}
		})
	}
	for range 300 {
		st.join(observer, "go", time.Now())
	}
	others.Wait()
	st.join(observer, "go", time.Now())

	online := map[string]bool{"observer": true}
	for i, m := range told.all {
		var data struct {
			UserID      string
			OnlineCount int
		}
		must(t, json.Unmarshal(m.data(), &data))
		switch m.event {
		case eventStudyJoined:
			if data.OnlineCount != len(online) {
				t.Fatalf("message %d tells of %d users, after %d were told of", i, data.OnlineCount, len(online))
			}
		case eventUserOnline:
			if online[data.UserID] {
				t.Fatalf("message %d: %s comes twice", i, data.UserID)
			}
			online[data.UserID] = true
		case eventUserOffline:
			if !online[data.UserID] {
				t.Fatalf("message %d: %s goes twice", i, data.UserID)
			}
			delete(online, data.UserID)
		}
	}
	if len(online) != 1 {
		t.Errorf("in the end there are %v", online)
	}
}
