package realtime

import (
	"maps"
	"slices"
	"sync"
)

// rooms are the rooms with members. Its lock is taken before that of a room.
type rooms struct {
	mu   sync.Mutex
	byID map[string]*room
}

func newRooms() *rooms { return &rooms{byID: map[string]*room{}} }

// enter brings a client into a room, and makes the room if there is none.
func (rs *rooms) enter(id, studyID string, e entry) {
	rs.mu.Lock()
	r := rs.byID[id]
	if r == nil {
		r = &room{id: id, studyID: studyID, members: map[string]*member{}, people: map[string]*person{}}
		rs.byID[id] = r
	}
	r.mu.Lock()
	rs.mu.Unlock()
	r.enter(e)
	e.client.rooms.add(r)
	r.mu.Unlock()
	r.flush()
}

// leave takes a client out of a room. See room.remove.
func (rs *rooms) leave(c *client, r *room, recordStop func(change)) *member {
	rs.mu.Lock()
	r.mu.Lock()
	m := r.remove(c, recordStop)
	if m != nil {
		if len(r.members) == 0 && rs.byID[r.id] == r {
			delete(rs.byID, r.id)
		}
		c.rooms.remove(r)
	}
	r.mu.Unlock()
	rs.mu.Unlock()
	r.flush()
	return m
}

// sockets returns how many of a user's sockets are in a room.
func (rs *rooms) sockets(id, userID string) int {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.byID[id]; r != nil {
		return r.sockets(userID)
	}
	return 0
}

// list returns the rooms at this moment.
func (rs *rooms) list() []*room {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return slices.Collect(maps.Values(rs.byID))
}
