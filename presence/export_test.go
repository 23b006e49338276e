package presence

import (
	"context"
	"time"
)

// The queries that run often, so that a test can check their plans.
const (
	LapsedSQL      = lapsedSQL
	LeasesSQL      = leasesSQL
	OwnSQL         = ownSQL
	RemotePeersSQL = remotePeersSQL
	LoseAllSQL     = loseAllSQL
)

// WriteLease is the first half of a socket's join: its lease, without the command.
func (r *Registry) WriteLease(ctx context.Context, l Lease, sessionID string, at time.Time) error {
	return r.writeLease(ctx, l, sessionID, at)
}
