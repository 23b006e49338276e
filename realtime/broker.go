package realtime

import (
	"context"
	"encoding/json"

	"github.com/studycall/studycall/domain"
)

// Broker carries events to sockets on other servers. It must be safe for concurrent use, and its methods must not wait for another
// server.
type Broker interface {
	// Send sends an event to one socket in a room. The error is for the sender: a *domain.Error with domain.PeerUnreachable if
	// the socket cannot be reached.
	Send(ctx context.Context, roomID, socketID, event string, data json.RawMessage) error
	// Publish sends an event to all sockets that other servers have in a room.
	Publish(roomID, event string, data json.RawMessage)
}

// LocalOnly is the Broker of servers that are not connected with each other: all sockets of a room have to be on one server, as
// behind a load balancer that routes by study.
type LocalOnly struct{}

// Send implements Broker. It always fails.
func (LocalOnly) Send(_ context.Context, _, socketID, _ string, _ json.RawMessage) error {
	return &domain.Error{Code: domain.PeerUnreachable, Details: map[string]any{"socketId": socketID}}
}

// Publish implements Broker. It does nothing.
func (LocalOnly) Publish(string, string, json.RawMessage) {}
