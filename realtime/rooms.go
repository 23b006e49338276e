package realtime

import "sync"

// rooms are the rooms that somebody is in, by id.
type rooms struct {
	elsewhere Elsewhere

	mu   sync.Mutex
	byID map[string]*room
}

func newRooms(elsewhere Elsewhere) *rooms {
	return &rooms{elsewhere: elsewhere, byID: map[string]*room{}}
}

// enter has do put a client into a room, which is made if need be.
func (rs *rooms) enter(c *client, id, studyID string, do func(*room)) {
	rs.mu.Lock()
	r := rs.byID[id]
	if r == nil {
		r = &room{
			id: id, studyID: studyID, elsewhere: rs.elsewhere,
			members: map[string]*member{}, people: map[string]*person{},
		}
		rs.byID[id] = r
	}
	r.mu.Lock()
	rs.mu.Unlock()
	do(r)
	c.enter(r)
	r.mu.Unlock()
	r.flush()
}

// leave takes a client out of a room, tells the others, and gives what it was there; nil if it was not in. first does what
// has to be done, and told, before that.
func (rs *rooms) leave(c *client, r *room, first func(*member)) *member {
	rs.mu.Lock()
	r.mu.Lock()
	m := r.members[c.id]
	if m != nil {
		first(m)
		r.left(m)
		if len(r.members) == 0 && rs.byID[r.id] == r {
			delete(rs.byID, r.id)
		}
		c.leave(r)
	}
	r.mu.Unlock()
	rs.mu.Unlock()
	r.flush()
	return m
}

// sockets is how many of a user's sockets are in a room.
func (rs *rooms) sockets(id, userID string) int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.byID[id]
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.people[userID]; p != nil {
		return p.sockets
	}
	return 0
}

// all are the rooms at this moment.
func (rs *rooms) all() []*room {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	all := make([]*room, 0, len(rs.byID))
	for _, r := range rs.byID {
		all = append(all, r)
	}
	return all
}
