package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
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
}

func newStudies() *studies { return &studies{byID: map[string]*audience{}} }

// join puts a client in. It gives how many users are there, the other clients, and whether its user was not there before.
func (st *studies) join(c *client, studyID string) (online int, others []*client, first bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	a := st.byID[studyID]
	if a == nil {
		a = &audience{map[*client]struct{}{}, map[string]int{}}
		st.byID[studyID] = a
	}
	if _, in := a.clients[c]; !in {
		first = a.sockets[c.user.ID] == 0
		a.sockets[c.user.ID]++
		a.clients[c] = struct{}{}
		c.mu.Lock()
		c.studies[studyID] = struct{}{}
		c.mu.Unlock()
	}
	return len(a.sockets), a.but(c), first
}

// leave takes a client out. It gives the other clients, and whether its user is no longer there.
func (st *studies) leave(c *client, studyID string) (others []*client, last bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	a := st.byID[studyID]
	if a == nil {
		return nil, false
	}
	if _, in := a.clients[c]; !in {
		return nil, false
	}
	delete(a.clients, c)
	c.mu.Lock()
	delete(c.studies, studyID)
	c.mu.Unlock()
	if a.sockets[c.user.ID]--; a.sockets[c.user.ID] == 0 {
		delete(a.sockets, c.user.ID)
		last = true
	}
	if len(a.clients) == 0 {
		delete(st.byID, studyID)
	}
	return a.but(c), last
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
		return invalid("studyId", fmt.Sprintf("must be one of at most %d studies", studyLimit))
	}
	online, others, first := s.studies.join(c, studyID)
	c.send(newMessage(eventStudyJoined, studyJoined{studyID, online}))
	if first {
		s.tellPresence(eventUserOnline, c, others)
	}
	acknowledge(c, ack, nil)
	return nil
}

// leaveStudy is for a client who is gone, or no longer a member.
func (s *Server) leaveStudy(c *client, studyID string) {
	if others, last := s.studies.leave(c, studyID); last {
		s.tellPresence(eventUserOffline, c, others)
	}
}

func (s *Server) tellPresence(event string, c *client, others []*client) {
	m := newMessage(event, userPresence{c.user.ID, shapeOf(c.user.ID, c.user), instant(s.Now())})
	for _, other := range others {
		other.send(m)
	}
}
