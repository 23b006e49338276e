package projections

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

// For the tests beside the package.
var (
	FoldInto       = foldInto
	CheckpointName = checkpointName
)

// LookBack is lookBack.
const LookBack = lookBack

// Manners is manners.
type Manners = manners

// Watch is watch.
func (m *manners) Watch(ctx context.Context, pool *pgxpool.Pool) { m.watch(ctx, pool) }

// OthersWork is what was seen last.
func (m *manners) OthersWork() bool { return m.others.Load() }

// SetOthersWork is as if that had been seen.
func (m *manners) SetOthersWork(is bool) { m.others.Store(is) }

// Turn is turn.
func (m *manners) Turn(do func() error) error { return m.turn(do) }
