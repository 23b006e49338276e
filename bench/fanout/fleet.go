package fanout

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Shape is how many people are in calls.
type Shape struct {
	Rooms int `json:"rooms"`
	Peers int `json:"peers"` // in each room, MinPeers to MaxPeers
}

// A room has two members at least, and no more than the bare server has bytes for.
const (
	MinPeers = 2
	MaxPeers = 64
)

// Connections is how many there are in all.
func (s Shape) Connections() int { return s.Rooms * s.Peers }

// StudyID is the study whose room has the number, from 0.
func StudyID(room int) string { return fmt.Sprintf("fanout-%d", room) }

// UserID is who has a seat there, from 0.
func UserID(room, seat int) string { return fmt.Sprintf("fanout-%d-%d", room, seat) }

// atOnce is how many rooms come and go at once, so that no backlog of a listener overflows.
const atOnce = 16

// fleet is all the clients of one server.
type fleet struct{ rooms []*room }

// newFleet connects nobody yet.
func newFleet(w wire, shape Shape) *fleet {
	f := &fleet{}
	for number := range shape.Rooms {
		f.rooms = append(f.rooms, &room{
			number: number, id: "study-" + StudyID(number) + "-main", wire: w, patience: patience, sent: map[string]uint64{},
		})
	}
	return f
}

func (f *fleet) open(ctx context.Context, address string, seats int) error {
	return f.all(ctx, atOnce, func(ctx context.Context, r *room) error { return r.open(ctx, address, seats) })
}

func (f *fleet) join(ctx context.Context) error {
	return f.all(ctx, atOnce, func(ctx context.Context, r *room) error { return r.each(ctx, r.wire.join) })
}

// leave takes all out of their rooms, so that nobody counts as lost, and hangs up.
func (f *fleet) leave(ctx context.Context) error {
	defer f.hangUp()
	return f.all(ctx, atOnce, func(ctx context.Context, r *room) error { return r.each(ctx, r.wire.leave) })
}

func (f *fleet) hangUp() {
	for _, r := range f.rooms {
		for _, p := range r.peers {
			_ = p.conn.Close()
		}
	}
}

// run loads the server for a while, and gives how many messages were sent, and how many deliveries that made.
func (f *fleet) run(ctx context.Context, l Load, long time.Duration) (sent, deliveries int64, err error) {
	var turns atomic.Int64
	until := time.Now().Add(long)
	err = f.all(ctx, len(f.rooms), func(ctx context.Context, r *room) error {
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

// all does something with all rooms, some at once.
func (f *fleet) all(ctx context.Context, some int, do func(ctx context.Context, r *room) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(some)
	for _, r := range f.rooms {
		group.Go(func() error { return do(ctx, r) })
	}
	return group.Wait()
}
