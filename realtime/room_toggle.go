package realtime

import (
	"context"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
)

// toggle is the value of a field: as published to the room, and as recorded.
type toggle struct {
	on, recorded bool
	// changes counts the changes of on, so that a late refusal reverts no newer change.
	changes uint64
}

func (t *toggle) set(on bool) uint64 {
	t.on = on
	t.changes++
	return t.changes
}

// newPerson returns a person without sockets, in the recorded state.
func newPerson(p domain.Participant) *person {
	created := &person{userID: p.UserID}
	for f := range created.toggles {
		on := p.Toggle(domain.Toggle(f)).Running()
		created.toggles[f] = toggle{on: on, recorded: on}
	}
	return created
}

// change is one change of a toggle, from its publication until it is recorded or reverted.
type change struct {
	member *member
	field  domain.Toggle
	value  bool
	number uint64      // the toggle's count of changes; 0: the value was the same, and nothing was published
	ticket shareTicket // of a change of domain.Sharing
}

// toggle changes a field of a member's person, publishes the change, and passes it to record. It calls record under the lock, so
// that the changes of a person's sockets are recorded in the order of publication. The error is errNotInRoom, or that of share.
func (r *room) toggle(c *client, f domain.Toggle, value bool, record func(change)) error {
	r.mu.Lock()
	defer r.flush()
	defer r.mu.Unlock()
	m := r.members[c.id]
	if m == nil {
		return errNotInRoom
	}
	number, err := r.set(m, f, value)
	if err != nil {
		return err
	}
	ch := change{member: m, field: f, value: value, number: number}
	if f == domain.Sharing && number > 0 {
		ch.ticket = r.nextShareTicket()
	}
	record(ch)
	return nil
}

// set changes a field of a member's person and publishes the change for each of the person's sockets. It returns the number of the
// change; 0 if the value is the same. The caller holds the lock.
func (r *room) set(m *member, f domain.Toggle, on bool) (number uint64, err error) {
	if f == domain.Sharing {
		return r.share(m, on)
	}
	t := &m.person.toggles[f]
	if t.on == on {
		return 0, nil
	}
	number = t.set(on)
	for id, other := range r.members {
		if other.person == m.person {
			r.publish(other.changed(f), id)
		}
	}
	return number, nil
}

// changed makes the message that a member's microphone or camera has changed.
func (m *member) changed(f domain.Toggle) *message {
	event, flag := eventAudioChanged, "isMuted"
	if f == domain.CameraOff {
		event, flag = eventVideoChanged, "isVideoOff"
	}
	return peerMessage(event, m.client.asPeer, flag, m.person.toggles[f].on)
}

// confirm notes that a change is recorded.
func (ch change) confirm() {
	r := ch.member.room
	r.mu.Lock()
	defer r.mu.Unlock()
	ch.member.person.toggles[ch.field].recorded = ch.value
}

// revert restores and publishes the recorded value of a refused change. It does nothing if a later change was made: that change's
// outcome applies.
func (ch change) revert() {
	m, r := ch.member, ch.member.room
	r.mu.Lock()
	defer r.flush()
	defer r.mu.Unlock()
	t := m.person.toggles[ch.field]
	if ch.number == 0 || r.people[m.person.userID] != m.person || t.changes != ch.number {
		return
	}
	if ch.field == domain.Sharing && r.members[m.client.id] != m {
		return // the share ended when the socket left
	}
	_, _ = r.set(m, ch.field, t.recorded) // fails if another participant shares by now, whose share stays
}

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
