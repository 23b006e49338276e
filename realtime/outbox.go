package realtime

import "sync"

// delivery is a message on its way to some clients.
type delivery struct {
	message *message
	to      []*client
	room    bool // and to the room's sockets on other servers
}

// outbox is what was told and is not sent yet. Whoever decides what to tell adds it under the lock of what it is about, and
// sends when it has let that go: so all are told in the order in which it was decided, and nothing waits for a socket
// under the lock.
type outbox struct {
	waiting []delivery
	sending bool // whoever is sending goes on until nothing waits
}

// add queues a message. The caller holds the lock.
func (o *outbox) add(d delivery) { o.waiting = append(o.waiting, d) }

// send has do send what waits, in order. The caller does not hold the lock, which mu is.
func (o *outbox) send(mu *sync.Mutex, do func(delivery)) {
	for {
		mu.Lock()
		if o.sending || len(o.waiting) == 0 {
			mu.Unlock()
			return
		}
		deliveries := o.waiting
		o.waiting, o.sending = nil, true
		mu.Unlock()
		for _, d := range deliveries {
			do(d)
		}
		mu.Lock()
		o.sending = false
		mu.Unlock()
	}
}

// toClients sends a message to its clients.
func (d delivery) toClients() {
	for _, c := range d.to {
		c.send(d.message)
	}
}
