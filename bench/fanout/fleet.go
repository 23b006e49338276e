package fanout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Shape is the number of calls and of people in them.
type Shape struct {
	Rooms int `json:"rooms"`
	Peers int `json:"peers"` // in each room, MinPeers to MaxPeers
}

// The bounds of Shape.Peers. The upper bound is that of the bare server's first byte.
const (
	MinPeers = 2
	MaxPeers = 64
)

// StudyID is the id of the study with the room, counted from 0.
func StudyID(room int) string { return fmt.Sprintf("fanout-%d", room) }

// UserID is the id of the user with the seat in the room, both counted from 0.
func UserID(room, seat int) string { return fmt.Sprintf("fanout-%d-%d", room, seat) }

// parallel is how many rooms open or close connections at the same time, so that no listener's backlog overflows.
const parallel = 16

// fleet is all clients of one server.
type fleet struct{ rooms []*room }

// newFleet creates clients that are not connected.
func newFleet(protocol protocol, shape Shape) *fleet {
	f := &fleet{}
	for number := range shape.Rooms {
		f.rooms = append(f.rooms, &room{
			number: number, id: "study-" + StudyID(number) + "-main", protocol: protocol, patience: patience, sent: map[string]uint64{},
		})
	}
	return f
}

func (f *fleet) open(ctx context.Context, address string, seats int) error {
	return f.forEach(ctx, parallel, func(ctx context.Context, r *room) error { return r.open(ctx, address, seats) })
}

func (f *fleet) join(ctx context.Context) error {
	return f.forEach(ctx, parallel, func(ctx context.Context, r *room) error { return r.each(ctx, r.protocol.join) })
}

// leave makes all clients leave their rooms, so that none counts as lost, and closes the connections.
func (f *fleet) leave(ctx context.Context) error {
	defer f.close()
	return f.forEach(ctx, parallel, func(ctx context.Context, r *room) error { return r.each(ctx, r.protocol.leave) })
}

func (f *fleet) close() {
	for _, r := range f.rooms {
		for _, p := range r.peers {
			_ = p.conn.Close()
		}
	}
}

// run loads the server for the duration. It returns the numbers of messages and of deliveries.
func (f *fleet) run(ctx context.Context, l Load, duration time.Duration) (sent, deliveries int64, err error) {
	var turns atomic.Int64
	until := time.Now().Add(duration)
	err = f.forEach(ctx, len(f.rooms), func(ctx context.Context, r *room) error {
		n, err := r.run(ctx, l, until)
		turns.Add(int64(n))
		return err
	})
	seats := int64(len(f.rooms[0].peers))
	sent = turns.Load() * seats * int64(l.Burst)
	deliveries = sent
	if !l.relayed() {
		deliveries *= seats - 1
	}
	return sent, deliveries, err
}

// forEach calls do for every room, for at most limit rooms at the same time.
func (f *fleet) forEach(ctx context.Context, limit int, do func(ctx context.Context, r *room) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(limit)
	for _, r := range f.rooms {
		group.Go(func() error { return do(ctx, r) })
	}
	return group.Wait()
}

const (
	// maxRate is how many messages a client sends per second at most. The program accepts 200 from a socket.
	maxRate = 150
	// ackEvery is after how many messages of a recorded load clients ask for an ack and wait for it, rounded up to whole turns. So
	// never more messages of a client wait to be recorded: 10, or 12 in bursts of 4.
	ackEvery = 10
)

// protocol is how clients speak to one of the two servers.
type protocol interface {
	// path is where the client with the seat in the room opens its WebSocket, and connect what follows. It sets the client's id.
	path(r *room, seat int) string
	connect(p *peer, seat int) error
	// join makes it a member of its room, and leave ends that.
	join(p *peer, r *room) error
	leave(p *peer, r *room) error
	// appendMessage appends a message. Sender and receiver are seats; the receiver matters only if the load is relayed.
	appendMessage(text []byte, l Load, r *room, sender, receiver int, content string, ack bool) []byte
	// acks reports whether the server sends acks.
	acks() bool
}

// room is the clients of a room. It belongs to one goroutine at a time.
type room struct {
	number   int
	id       string
	protocol protocol
	patience time.Duration     // after which a delivery counts as lost
	peers    []*peer           // by seat
	sent     map[string]uint64 // messages that each client sent, by the load's name
	text     []byte            // the last message, for reuse
	expected [][][]byte        // the deliveries of this turn, by the sender's seat, in order
	received []int             // how many of them the current client received, by the sender's seat
}

// open connects all clients, one after the other.
func (r *room) open(ctx context.Context, address string, seats int) error {
	r.expected, r.received = make([][][]byte, seats), make([]int, seats)
	for seat := range seats {
		p, err := dial(ctx, address, r.protocol.path(r, seat))
		if err != nil {
			return err
		}
		p.user = UserID(r.number, seat)
		r.peers = append(r.peers, p)
		if err := r.protocol.connect(p, seat); err != nil {
			return fmt.Errorf("connect %s: %w", p.user, err)
		}
	}
	return nil
}

// each calls do for one client after the other.
func (r *room) each(ctx context.Context, do func(p *peer, r *room) error) error {
	for _, p := range r.peers {
		if err := errors.Join(ctx.Err(), do(p, r)); err != nil {
			return fmt.Errorf("room %s, %s: %w", r.id, p.user, err)
		}
	}
	return nil
}

// run makes turns until the time is over, and one more, which ends with acks. It returns the number of turns.
func (r *room) run(ctx context.Context, l Load, until time.Time) (turns int, err error) {
	for seat, p := range r.peers {
		p.setDeadline(until.Add(r.patience))
		r.expected[seat] = make([][]byte, l.Burst)
	}
	turnsPerAck := (ackEvery + l.Burst - 1) / l.Burst
	for next, last := time.Now(), false; !last; turns++ {
		if err := sleepUntil(ctx, next); err != nil {
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

// sleepUntil mostly returns at once, without a timer, because turns are mostly late.
func sleepUntil(ctx context.Context, at time.Time) error {
	if wait := time.Until(at); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// turn sends the burst of every client, of which the last message may ask for an ack, and waits for the deliveries. The receiver of a
// relayed message is some seats after the sender; the distance changes from turn to turn.
func (r *room) turn(l Load, first uint64, ack bool) error {
	contents := make([]string, l.Burst)
	for i := range contents {
		r.sent[l.Name]++
		contents[i] = l.content(r.sent[l.Name])
	}
	ack = ack && l.recorded && r.protocol.acks()
	step := 1 + int(first/uint64(l.Burst)%uint64(len(r.peers)-1)) //nolint:gosec // less than MaxPeers
	for sender, p := range r.peers {
		for i, content := range contents {
			r.text = r.protocol.appendMessage(r.text[:0], l, r, sender, (sender+step)%len(r.peers), content, ack && i == l.Burst-1)
			if err := p.send(r.text); err != nil {
				return err
			}
			r.expected[sender][i] = l.appendDelivery(r.expected[sender][i][:0], p, content)
		}
	}
	for seat, p := range r.peers {
		for sender := range r.peers {
			r.received[sender] = 0
			if sender == seat || l.relayed() && (sender+step)%len(r.peers) != seat {
				r.received[sender] = l.Burst // this sender sends nothing to this seat
			}
		}
		if err := r.receive(p, ack); err != nil {
			return fmt.Errorf("%s: %w", p.user, err)
		}
	}
	return nil
}

// receive reads the deliveries to a client: each once, those of a sender in order, and the ack.
func (r *room) receive(p *peer, ack bool) error {
	missing := 0
	for sender, received := range r.received {
		missing += len(r.expected[sender]) - received
	}
	for missing > 0 || ack {
		text, err := p.next()
		if err != nil {
			return fmt.Errorf("%d deliveries are lost (an ack as well: %t): %w", missing, ack, err)
		}
		switch sender := r.senderOf(text); {
		case sender >= 0:
			r.received[sender]++
			missing--
		case ack && string(text) == okAck:
			ack = false
		case !bytes.HasPrefix(text, []byte(`42["video:user-joined"`)): // clients that joined after this one
			return fmt.Errorf("%w: %s", errFrame, text)
		}
	}
	return nil
}

// senderOf is the seat whose next delivery the text is, or -1. The first byte is not compared: the bare server's differs.
func (r *room) senderOf(text []byte) int {
	for seat, expected := range r.expected {
		expected = expected[r.received[seat]:]
		if len(expected) > 0 && len(text) == len(expected[0]) && bytes.Equal(text[1:], expected[0][1:]) {
			return seat
		}
	}
	return -1
}
