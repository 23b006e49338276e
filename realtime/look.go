package realtime

import (
	"context"
	"log/slog"
	"time"
)

// lookTimeout bounds one round of looks.
const lookTimeout = 10 * time.Second

// lookAgain looks at those who are connected again and again: whether they may still be here. People and leases are in
// different databases, as a rule, and looked at apart: while our own hangs, whoever is kicked is put out all the same.
func (s *Server) lookAgain(ctx context.Context, look func(context.Context) error) {
	ticker := time.NewTicker(s.Look)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		bounded, cancel := context.WithTimeout(ctx, lookTimeout)
		if err := look(bounded); err != nil && ctx.Err() == nil {
			s.Log.LogAttrs(ctx, slog.LevelDebug, "could not look again", slog.Any("error", err))
		}
		cancel()
	}
}
