package realtime

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/websocket"
)

// encoding is a link that encodes messages and drops them.
type encoding struct{}

func (encoding) send(m *message)           { m.forSocketIO() }
func (encoding) close(websocket.CloseCode) {}

// BenchmarkHandle measures a message between the transport that reads it and those that write it: an offer with 2.5 KB of SDP to one
// peer, and "speaking" to eleven peers.
func BenchmarkHandle(b *testing.B) {
	s := New(Config{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	defer s.queue.Close()
	members := make([]*client, 12)
	for i := range members {
		id := strings.Repeat(string(rune('a'+i)), 20)
		members[i] = newClient(id, membership.User{ID: id}, domain.Korean, encoding{}, newLimits(Rates{}))
		s.connected(members[i])
		s.rooms.enter("study-go-main", "go", entry{client: members[i], participant: domain.Participant{UserID: id}})
	}
	for name, c := range map[string]struct{ event, data string }{
		"offer":    {eventOffer, `{"to":"` + members[1].id + `","offer":{"type":"offer","sdp":"` + strings.Repeat(`a=candidate:1 1 udp\r\n`, 120) + `"}}`},
		"speaking": {eventSpeaking, `{"roomId":"study-go-main","speaking":true}`},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			data := json.RawMessage(c.data)
			for b.Loop() {
				s.handle(members[0], c.event, data, len(data), nil)
			}
		})
	}
}
