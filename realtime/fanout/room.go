package fanout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// maxTurns is how many turns a room takes in a second at most: the program takes 200 messages a second from a socket.
	maxTurns = 150
	// ackEvery is how often members ask for an ack of what is recorded, and wait for it, so that no more than so much of each
	// ever waits to be recorded.
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
	turns    map[string]uint64 // by load
	text     []byte            // for what is sent
	due      [][]byte          // what is due from each seat in this turn
	heard    []bool            // whether it came to the member that is looked at
}

// open connects all members, one after the other.
func (r *room) open(ctx context.Context, address string, seats int) error {
	r.due, r.heard = make([][]byte, seats), make([]bool, seats)
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
	for _, p := range r.peers {
		p.expectBy(until.Add(r.patience))
	}
	for next, last := time.Now(), false; !last; turns++ {
		if err := waitUntil(ctx, next); err != nil {
			return turns, err
		}
		now := time.Now()
		next, last = now.Add(time.Second/maxTurns), !now.Before(until)
		r.turns[l.Name]++
		if err := r.turn(l, r.turns[l.Name], last || turns%ackEvery == 0); err != nil {
			return turns, fmt.Errorf("room %s, turn %d of %s: %w", r.id, r.turns[l.Name], l.Name, err)
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

// turn has every member send once, and waits for what is due. Relayed messages go to the next seat but some, so that in
// some turns everybody sends to everybody else.
func (r *room) turn(l Load, number uint64, ack bool) error {
	content := l.content(number)
	ack = ack && l.recorded && r.wire.acks()
	step := 1 + int(number%uint64(len(r.peers)-1)) //nolint:gosec // a few dozens at most
	for sender, p := range r.peers {
		r.text = r.wire.appendMessage(r.text[:0], l, r, sender, (sender+step)%len(r.peers), content, ack)
		if err := p.send(r.text); err != nil {
			return err
		}
		r.due[sender] = l.appendTold(r.due[sender][:0], p, content)
	}
	for seat, p := range r.peers {
		for sender := range r.peers {
			r.heard[sender] = sender == seat || l.relayed() && (sender+step)%len(r.peers) != seat
		}
		if err := r.take(p, ack); err != nil {
			return fmt.Errorf("%s: %w", p.user, err)
		}
	}
	return nil
}

// take reads what is due to a member: all that heard does not have, once, and the ack.
func (r *room) take(p *peer, ack bool) error {
	waiting := 0
	for _, heard := range r.heard {
		if !heard {
			waiting++
		}
	}
	for waiting > 0 || ack {
		text, err := p.next()
		if err != nil {
			return fmt.Errorf("%d deliveries are lost (an ack too: %t): %w", waiting, ack, err)
		}
		switch sender := r.sender(text); {
		case sender >= 0 && !r.heard[sender]:
			r.heard[sender] = true
			waiting--
		case ack && string(text) == done:
			ack = false
		case !bytes.HasPrefix(text, []byte(`42["video:user-joined"`)): // of those who came after it
			return fmt.Errorf("%w: %s", errFrame, text)
		}
	}
	return nil
}

// sender is the seat of whom the text is due from, -1 if it is due from nobody. To the bare server the first byte says
// something else.
func (r *room) sender(text []byte) int {
	for seat, due := range r.due {
		if len(text) == len(due) && bytes.Equal(text[1:], due[1:]) {
			return seat
		}
	}
	return -1
}
