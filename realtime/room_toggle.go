package realtime

import "github.com/studycall/studycall/domain"

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

// revert publishes the recorded value again after a change was refused, unless the field has changed since: then the outcome of the
// latest change decides. After several refusals in a row the last one reverts to the recorded value.
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
