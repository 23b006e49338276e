package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/studycall/studycall/api"
)

// studyLimit is of how many studies one socket may ask who is there.
const studyLimit = 64

// studies are the clients who want to know who is in a study at the moment, by study. It is about this server's clients.
type studies struct {
	mu   sync.Mutex
	byID map[string]*audience
}

// audience are the clients in one study.
type audience struct {
	clients map[*client]struct{}
	sockets map[string]int // by user id
	outbox  outbox         // under the lock of the studies
}

func newStudies() *studies { return &studies{byID: map[string]*audience{}} }

// join puts a client in at a moment, and tells it how many users are there, and the others, if its user was not there before.
func (st *studies) join(c *client, studyID string, at time.Time) {
	st.mu.Lock()
	a := st.byID[studyID]
	if a == nil {
		a = &audience{clients: map[*client]struct{}{}, sockets: map[string]int{}}
		st.byID[studyID] = a
	}
	if _, in := a.clients[c]; !in {
		a.clients[c] = struct{}{}
		c.mu.Lock()
		c.studies[studyID] = struct{}{}
		c.mu.Unlock()
		if a.sockets[c.user.ID]++; a.sockets[c.user.ID] == 1 {
			a.tell(eventUserOnline, c, at)
		}
	}
	a.outbox.add(delivery{message: newMessage(eventStudyJoined, studyJoined{studyID, len(a.sockets)}), to: []*client{c}})
	st.mu.Unlock()
	a.outbox.send(&st.mu, delivery.toClients)
}

// leave takes a client out at a moment, and tells the others if its user is no longer there.
func (st *studies) leave(c *client, studyID string, at time.Time) {
	st.mu.Lock()
	a := st.byID[studyID]
	if a == nil {
		st.mu.Unlock()
		return
	}
	if _, in := a.clients[c]; in {
		delete(a.clients, c)
		c.mu.Lock()
		delete(c.studies, studyID)
		c.mu.Unlock()
		if a.sockets[c.user.ID]--; a.sockets[c.user.ID] == 0 {
			delete(a.sockets, c.user.ID)
			a.tell(eventUserOffline, c, at)
		}
		if len(a.clients) == 0 {
			delete(st.byID, studyID)
		}
	}
	st.mu.Unlock()
	a.outbox.send(&st.mu, delivery.toClients)
}

// tell tells all but a client what became of its user. The caller holds the lock.
func (a *audience) tell(event string, c *client, at time.Time) {
	m := newMessage(event, userPresence{c.user.ID, api.NewPersonWithEmail(c.user.ID, c.user), api.Time(at)})
	a.outbox.add(delivery{message: m, to: a.but(c)})
}

// in are the clients in a study.
func (st *studies) in(studyID string) []*client {
	st.mu.Lock()
	defer st.mu.Unlock()
	if a := st.byID[studyID]; a != nil {
		return a.but(nil)
	}
	return nil
}

// ids are the studies that somebody is in.
func (st *studies) ids() []string {
	st.mu.Lock()
	defer st.mu.Unlock()
	ids := make([]string, 0, len(st.byID))
	for id := range st.byID {
		ids = append(ids, id)
	}
	return ids
}

func (a *audience) but(c *client) []*client {
	others := make([]*client, 0, len(a.clients))
	for other := range a.clients {
		if other != c {
			others = append(others, other)
		}
	}
	return others
}

// joinStudy has a client be told who comes to a study and goes, and what becomes of its calls.
func (s *Server) joinStudy(c *client, data json.RawMessage, ack answer) error {
	values, err := fields(data, "studyId")
	if err != nil {
		return err
	}
	studyID, err := parseStudyID(values[0])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), joinTimeout)
	defer cancel()
	if err := s.Access.ActiveMember(ctx, studyID, c.user.ID); err != nil {
		return err
	}
	if len(c.attends()) >= studyLimit {
		return api.Invalid("studyId", fmt.Sprintf("must be one of at most %d studies", studyLimit))
	}
	s.studies.join(c, studyID, s.Now())
	acknowledge(c, ack, nil)
	return nil
}
