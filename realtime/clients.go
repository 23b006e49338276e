package realtime

import "sync"

// clients are all that are connected to this server.
type clients struct {
	mu  sync.Mutex
	all map[*client]struct{}
}

func newClients() *clients { return &clients{all: map[*client]struct{}{}} }

func (cs *clients) add(c *client) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.all[c] = struct{}{}
}

func (cs *clients) remove(c *client) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.all, c)
}

// list is everybody at this moment.
func (cs *clients) list() []*client {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	list := make([]*client, 0, len(cs.all))
	for c := range cs.all {
		list = append(list, c)
	}
	return list
}
