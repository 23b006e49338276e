package realtime

import (
	"context"
	"encoding/json"

	"github.com/studycall/studycall/domain"
)

// Elsewhere carries events to sockets on other servers. It may be called concurrently.
type Elsewhere interface {
	// Deliver hands an event to one socket in a room. It must not wait for the other server. The error is for the sender: a
	// *domain.Error of the code domain.PeerUnreachable when the socket cannot be reached.
	Deliver(ctx context.Context, roomID, socketID, event string, data json.RawMessage) error
	// Tell hands an event to all sockets that other servers have in a room. It must not wait.
	Tell(roomID, event string, data json.RawMessage)
}

// Unconnected is the Elsewhere of servers that do not talk to one another: whoever meets in a room has to be on the same
// one, as behind a balancer that sends all of a study to one server.
type Unconnected struct{}

// Deliver implements Elsewhere.
func (Unconnected) Deliver(_ context.Context, _, socketID, _ string, _ json.RawMessage) error {
	return &domain.Error{Code: domain.PeerUnreachable, Details: map[string]any{"socketId": socketID}}
}

// Tell implements Elsewhere.
func (Unconnected) Tell(string, string, json.RawMessage) {}
