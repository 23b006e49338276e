package eventstore

import (
	"context"
	"fmt"
)

// Queued is how many appends wait for the committer to take them.
func (s *Store) Queued() int { return len(s.queue) }

// Sizes that tests go beyond.
const (
	TailLength = tailLength
	SliceLimit = sliceLimit
	ScanPage   = scanPage
	PassOver   = passOver
)

// EnsureCheckpoint makes the checkpoint of a new consumer, at the beginning of the log. One that exists stays as it is.
func (s *Store) EnsureCheckpoint(ctx context.Context, name string) error {
	_, err := s.pool.Exec(ctx, `insert into checkpoints (name) values ($1) on conflict do nothing`, name)
	if err != nil {
		return fmt.Errorf("make checkpoint %s: %w", name, err)
	}
	return nil
}
