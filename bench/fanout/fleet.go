package fanout

import (
	"context"
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

// Connections is the number of connections to a server.
func (s Shape) Connections() int { return s.Rooms * s.Peers }

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
