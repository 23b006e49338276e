package embedded

import (
	"log/slog"
	"sync"
	"time"
)

// patience is how long something may take before a line says that it is under way.
const patience = 2 * time.Second

// progress logs what is being done once it takes longer than patience, and again every ten seconds, until done is called.
func progress(logger *slog.Logger, doing string, args ...any) (done func()) {
	var mu sync.Mutex
	var timer *time.Timer
	finished, started := false, time.Now()
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(patience, func() {
		mu.Lock()
		defer mu.Unlock()
		if finished {
			return
		}
		logger.Info(doing, append([]any{"for", time.Since(started).Round(time.Second)}, args...)...)
		timer.Reset(10 * time.Second)
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		finished = true
		timer.Stop()
	}
}
