package fanout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// maxRate is how many messages a member sends in a second at most: the program takes 200 from a socket.
	maxRate = 150
	// ackEvery is after how many messages, and the rest of the turn's, members ask for an ack of what is recorded, and wait for
	// it, so that no more of each ever waits to be recorded: 10, or 12 in bursts of 4.
	ackEvery = 10
)

// wire is how clients speak to one of the two servers.
type wire interface {
	// open connects the client with the seat in a room, and says who it is.
	open(ctx context.Context, address string, r *room, seat int) (*peer, error)
	// join brings it into its room, and leave out again.
	join(p *peer, r *room) error
	leave(p *peer, r *room) error
	// appendMessage appends what a sender sends, to the receiver if the load is relayed. They are given by their seats.
	appendMessage(text []byte, l Load, r *room, sender, receiver int, content string, ack bool) []byte
	// acks says whether the server answers what asks for an ack.
	acks() bool
}

// room is a room's clients. It belongs to one goroutine at a time.
type room struct {
	number int
	id     string
	wire   wire
	// patience is how long what is due may take before it counts as lost.
	patience time.Duration
	peers    []*peer           // by seat
	sent     map[string]uint64 // how many messages each member sent, by the load's name
	text     []byte            // for what is sent
	due      [][][]byte        // what is due from each seat in this turn, in order
	heard    []int             // how much of it came to the member that is looked at
}

// open connects all members, one after the other.
func (r *room) open(ctx context.Context, address string, seats int) error {
	r.due, r.heard = make([][][]byte, seats), make([]int, seats)
	for seat := range seats {
		p, err := r.wire.open(ctx, address, r, seat)
		if err != nil {
			return err
		}
		r.peers = append(r.peers, p)
	}
	return nil
}

// each does something with one member after the other.
func (r *room) each(ctx context.Context, do func(p *peer, r *room) error) error {
	for _, p := range r.peers {
		if err := errors.Join(ctx.Err(), do(p, r)); err != nil {
			return fmt.Errorf("room %s, %s: %w", r.id, p.user, err)
		}
	}
	return nil
}

// run takes turns until the time is over, and one more, which ends with acks. It gives how many.
func (r *room) run(ctx context.Context, l Load, until time.Time) (turns int, err error) {
	for seat, p := range r.peers {
		p.expectBy(until.Add(r.patience))
		r.due[seat] = make([][]byte, l.Burst)
	}
	turnsPerAck := (ackEvery + l.Burst - 1) / l.Burst
	for next, last := time.Now(), false; !last; turns++ {
		if err := waitUntil(ctx, next); err != nil {
			return turns, err
		}
		now := time.Now()
		next, last = now.Add(time.Second*time.Duration(l.Burst)/maxRate), !now.Before(until)
		first := r.sent[l.Name] + 1
		if err := r.turn(l, first, last || turns%turnsPerAck == 0); err != nil {
			return turns, fmt.Errorf("room %s, messages %d to %d of %s: %w", r.id, first, r.sent[l.Name], l.Name, err)
		}
	}
	return turns, nil
}

// waitUntil sets no timer when it is late already, as it mostly is.
func waitUntil(ctx context.Context, at time.Time) error {
	if wait := time.Until(at); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// turn has every member send its burst, the last of which may ask for an ack, and waits for what is due. Relayed messages go
// to the next seat but some, so that in some turns everybody sends to everybody else.
func (r *room) turn(l Load, first uint64, ack bool) error {
	contents := make([]string, l.Burst)
	for i := range contents {
		r.sent[l.Name]++
		contents[i] = l.content(r.sent[l.Name])
	}
	ack = ack && l.recorded && r.wire.acks()
	step := 1 + int(first/uint64(l.Burst)%uint64(len(r.peers)-1)) //nolint:gosec // a few dozens at most
	for sender, p := range r.peers {
		for i, content := range contents {
			r.text = r.wire.appendMessage(r.text[:0], l, r, sender, (sender+step)%len(r.peers), content, ack && i == l.Burst-1)
			if err := p.send(r.text); err != nil {
				return err
			}
			r.due[sender][i] = l.appendTold(r.due[sender][i][:0], p, content)
		}
	}
	for seat, p := range r.peers {
		for sender := range r.peers {
			r.heard[sender] = 0
			if sender == seat || l.relayed() && (sender+step)%len(r.peers) != seat {
				r.heard[sender] = l.Burst // nothing is due
			}
		}
		if err := r.take(p, ack); err != nil {
			return fmt.Errorf("%s: %w", p.user, err)
		}
	}
	return nil
}

// take reads what is due to a member: all that was not heard yet, once and from each sender in order, and the ack.
func (r *room) take(p *peer, ack bool) error {
	waiting := 0
	for sender, heard := range r.heard {
		waiting += len(r.due[sender]) - heard
	}
	for waiting > 0 || ack {
		text, err := p.next()
		if err != nil {
			return fmt.Errorf("%d deliveries are lost (an ack too: %t): %w", waiting, ack, err)
		}
		switch sender := r.sender(text); {
		case sender >= 0:
			r.heard[sender]++
			waiting--
		case ack && string(text) == done:
			ack = false
		case !bytes.HasPrefix(text, []byte(`42["video:user-joined"`)): // of those who came after it
			return fmt.Errorf("%w: %s", errFrame, text)
		}
	}
	return nil
}

// sender is the seat of whom the text is due next from, -1 if it is from nobody. To the bare server the first byte says
// something else.
func (r *room) sender(text []byte) int {
	for seat, due := range r.due {
		if due = due[r.heard[seat]:]; len(due) > 0 && len(text) == len(due[0]) && bytes.Equal(text[1:], due[0][1:]) {
			return seat
		}
	}
	return -1
}
