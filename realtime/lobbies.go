package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/studycall/studycall/api"
)

// lobbies are the clients of this server that subscribe to the studies' presence: which members have a page of the study open, and
// which calls start and end.
type lobbies struct {
	mu   sync.Mutex
	byID map[string]*lobby // by study
}

// lobby are the subscribers to one study.
type lobby struct {
	clients map[*client]struct{}
	sockets map[string]int // by user id
	outbox  outbox         // under the lock of lobbies
}

// lobbyLimit is how many lobbies one socket may be in.
const lobbyLimit = 64

func newLobbies() *lobbies { return &lobbies{byID: map[string]*lobby{}} }

// joinLobby subscribes a client to a study's presence, and to the starts and ends of its calls.
func (s *Server) joinLobby(ctx context.Context, c *client, data json.RawMessage, ack answer) error {
	in := parse(data, "studyId")
	studyID := in.study()
	if in.err != nil {
		return in.err
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	if err := s.Access.ActiveMember(ctx, studyID, c.user.ID); err != nil {
		return err
	}
	if len(c.lobbies.list()) >= lobbyLimit {
		return api.Invalid("studyId", fmt.Sprintf("must be one of at most %d studies", lobbyLimit))
	}
	s.lobbies.join(c, studyID, s.Now())
	acknowledge(c, ack, nil)
	return nil
}

// join subscribes a client, and sends it how many users are subscribed. The first socket of a user is published to the others.
func (ls *lobbies) join(c *client, studyID string, at time.Time) {
	ls.mu.Lock()
	l := ls.byID[studyID]
	if l == nil {
		l = &lobby{clients: map[*client]struct{}{}, sockets: map[string]int{}}
		ls.byID[studyID] = l
	}
	if _, in := l.clients[c]; !in {
		l.clients[c] = struct{}{}
		c.lobbies.add(studyID)
		l.sockets[c.user.ID]++
		if l.sockets[c.user.ID] == 1 {
			l.publish(eventUserOnline, c, at)
		}
	}
	l.outbox.add(delivery{newMessage(eventStudyJoined, studyJoined{studyID, len(l.sockets)}), []*client{c}})
	ls.mu.Unlock()
	l.outbox.send(&ls.mu)
}

// leave unsubscribes a client. The end of the user's last socket is published to the others.
func (ls *lobbies) leave(c *client, studyID string, at time.Time) {
	ls.mu.Lock()
	l := ls.byID[studyID]
	if l == nil {
		ls.mu.Unlock()
		return
	}
	if _, in := l.clients[c]; in {
		delete(l.clients, c)
		c.lobbies.remove(studyID)
		l.sockets[c.user.ID]--
		if l.sockets[c.user.ID] == 0 {
			delete(l.sockets, c.user.ID)
			l.publish(eventUserOffline, c, at)
		}
		if len(l.clients) == 0 {
			delete(ls.byID, studyID)
		}
	}
	ls.mu.Unlock()
	l.outbox.send(&ls.mu)
}

// publish queues the presence of a client's user for all other clients. The caller holds the lock.
func (l *lobby) publish(event string, c *client, at time.Time) {
	others := make([]*client, 0, len(l.clients))
	for other := range l.clients {
		if other != c {
			others = append(others, other)
		}
	}
	m := newMessage(event, userPresence{c.user.ID, api.NewPersonWithEmail(c.user.ID, c.user), api.Time(at)})
	l.outbox.add(delivery{m, others})
}

// clients returns the subscribers to a study.
func (ls *lobbies) clients(studyID string) []*client {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l := ls.byID[studyID]; l != nil {
		return slices.Collect(maps.Keys(l.clients))
	}
	return nil
}

// ids returns the studies with subscribers.
func (ls *lobbies) ids() []string {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return slices.Collect(maps.Keys(ls.byID))
}
