package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
)

const (
	barWidth = 20
	// barEvery and linesEvery are how often progress is told at most: as fast as an eye can follow, and so that a log
	// stays readable.
	barEvery   = 100 * time.Millisecond
	linesEvery = 10 * time.Second
	// firstLine is how soon the first line comes, at the earliest.
	firstLine = 2 * time.Second
)

// progress tells how far a long piece of work is, how fast it goes and how long it will take: as a bar on a terminal, as
// log lines elsewhere. It may be used concurrently.
type progress struct {
	doing    string
	total    int64
	terminal io.Writer // nil: none
	log      *slog.Logger
	began    time.Time

	mu   sync.Mutex
	done int64
	told time.Time
}

// newProgress begins a piece of work with so many parts. Its Done must be called.
func newProgress(s *streams, doing string, total int64) *progress {
	now := time.Now()
	p := &progress{doing: doing, total: total, log: s.log, began: now, told: now}
	if file, ok := s.out.(interface{ Fd() uintptr }); ok && isatty.IsTerminal(file.Fd()) {
		p.terminal = s.out
	}
	return p
}

// Add says that n more parts are done.
func (p *progress) Add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	every := linesEvery
	switch {
	case p.terminal != nil:
		every = barEvery
	case p.told.Equal(p.began):
		every = firstLine
	}
	if now := time.Now(); now.Sub(p.told) >= every {
		p.told = now
		p.tell(now, "\r\x1b[K", "")
	}
}

// Done says that the work is over, at its end or before, and what came of it.
func (p *progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell(time.Now(), "\r\x1b[K", "\n")
}

// tell writes where the work is; before and after put the bar in its place.
func (p *progress) tell(now time.Time, before, after string) {
	took := now.Sub(p.began)
	rate := int64(float64(p.done) / max(took.Seconds(), 0.001))
	what, duration := "left", time.Duration(0)
	if p.done > 0 {
		duration = time.Duration(float64(took) * float64(p.total-p.done) / float64(p.done))
	}
	if after != "" {
		what, duration = "took", took
	}
	precision := time.Second
	if duration < 10*time.Second {
		precision = 10 * time.Millisecond
	}
	duration = duration.Round(precision)
	if p.terminal == nil {
		p.log.Info(p.doing, "done", p.done, "of", p.total, "perSecond", rate, what, duration)
		return
	}
	part := float64(p.done) / float64(max(p.total, 1))
	filled := min(int(part*barWidth), barWidth)
	_, _ = fmt.Fprintf(p.terminal, "%s%s [%s%s] %3.0f%% %d/%d, %d/s, %s %s%s", before, p.doing,
		strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled), 100*part, p.done, p.total, rate, what, duration, after)
}
