package realtime

import "sync"

// delivery is a message for some clients.
type delivery struct {
	message *message
	to      []*client
}

// outbox holds the messages that are decided and not sent yet. Messages are added under the lock of their room or lobby, and sent
// after it is released: so all clients get them in the order of the changes, and no socket is written to under the lock.
type outbox struct {
	waiting []delivery
	sending bool // a goroutine sends until nothing waits
}

// add queues a message. The caller holds the lock.
func (o *outbox) add(d delivery) { o.waiting = append(o.waiting, d) }

// send sends the waiting messages in order, unless another goroutine is sending. The caller does not hold the lock mu.
func (o *outbox) send(mu *sync.Mutex) {
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
			for _, c := range d.to {
				c.send(d.message)
			}
		}
		mu.Lock()
		o.sending = false
		mu.Unlock()
	}
}
