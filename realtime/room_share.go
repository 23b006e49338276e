package realtime

import (
	"context"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
)

// shareTicket is a place in the order in which the starts and stops of a room's screen shares are recorded: the order of
// publication. Without tickets the records of several participants, which wait for the database in queues of their own, could be
// written in any order, and a share be refused because of one that has ended. The zero value waits for nothing. No two tickets
// wait for each other, because each participant's queue is in the order of the tickets too.
type shareTicket struct {
	ready <-chan struct{} // closed when the ticket before is released
	done  chan struct{}
}

// nextShareTicket returns the ticket after the latest. The caller holds the lock.
func (r *room) nextShareTicket() shareTicket {
	ticket := shareTicket{r.lastShare, make(chan struct{})}
	r.lastShare = ticket.done
	return ticket
}

// wait returns when the ticket before is released.
func (t shareTicket) wait(ctx context.Context) error {
	if t.ready == nil {
		return nil
	}
	select {
	case <-t.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release makes the next ticket ready. It is called once.
func (t shareTicket) release() {
	if t.done != nil {
		close(t.done)
	}
}

// share starts the share of a member's socket, or stops the share of its person, and publishes that. A share of another socket of
// the person moves to this one: both changes are published. It returns the number of the change; 0 if nothing changes. If another
// participant's socket on this server shares, the error is domain.ScreenShareTaken with the name. The caller holds the lock.
func (r *room) share(m *member, on bool) (number uint64, err error) {
	p := m.person
	if on && p.sharer == m.client.id || !on && !p.toggles[domain.Sharing].on {
		return 0, nil
	}
	if !on {
		return r.unshare(p), nil
	}
	for _, other := range r.members {
		if other.client.id == other.person.sharer && other.person != p {
			return 0, shareTaken(api.NewPersonWithEmail(other.person.userID, other.client.user))
		}
	}
	r.unshare(p)
	p.sharer = m.client.id
	r.publishShare(p, true)
	return p.toggles[domain.Sharing].set(true), nil
}

// unshare stops the share of a person, and returns the number of the change. The caller holds the lock.
func (r *room) unshare(p *person) uint64 {
	if p.sharer != "" {
		r.publishShare(p, false)
		p.sharer = ""
	}
	return p.toggles[domain.Sharing].set(false)
}

// publishShare publishes that a person's sharer shares its screen, or stops. It uses both the documented event and the events that
// the web app listens to. The caller holds the lock.
func (r *room) publishShare(p *person, on bool) {
	sharer, event := peer{p.sharer, p.userID}, eventScreenShareStopped
	if on {
		event = eventScreenShareStarted
	}
	r.publish(newMessage(eventPeerScreenShare, screenShare{sharer, on}), p.sharer)
	r.publish(newMessage(event, sharer), p.sharer)
}

// shareTaken is the error that another participant shares.
func shareTaken(sharer api.PersonWithEmail) error {
	return &domain.Error{Code: domain.ScreenShareTaken, Details: map[string]any{"userId": sharer.ID, "name": sharer.Name}}
}
