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
	// barEvery and linesEvery are the shortest intervals between two reports: on a terminal, and as log lines. The first log
	// line may come after firstLine.
	barEvery   = 100 * time.Millisecond
	linesEvery = 10 * time.Second
	firstLine  = 2 * time.Second
)

// progress reports how far a long operation is, its rate and the time left: as a bar on a terminal, else as log lines. It is
// safe for concurrent use.
type progress struct {
	title    string
	total    int64
	terminal io.Writer // nil if the output is no terminal
	logger   *slog.Logger
	began    time.Time

	mu       sync.Mutex
	done     int64
	reported time.Time
}

// newProgress starts the report of an operation with total parts. The caller must call Done.
func newProgress(s *streams, title string, total int64) *progress {
	now := time.Now()
	p := &progress{title: title, total: total, logger: s.log, began: now, reported: now}
	if file, ok := s.out.(interface{ Fd() uintptr }); ok && isatty.IsTerminal(file.Fd()) {
		p.terminal = s.out
	}
	return p
}

// Add counts n more parts as done.
func (p *progress) Add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	every := linesEvery
	switch {
	case p.terminal != nil:
		every = barEvery
	case p.reported.Equal(p.began):
		every = firstLine
	}
	now := time.Now()
	if now.Sub(p.reported) < every {
		return
	}
	p.reported = now
	left := time.Duration(0)
	if p.done > 0 {
		left = time.Duration(float64(now.Sub(p.began)) * float64(p.total-p.done) / float64(p.done))
	}
	p.report("left", left, "")
}

// Done reports the result, whether the operation is complete or not.
func (p *progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report("took", time.Since(p.began), "\n")
}

// report writes the current state, with a duration and its label. end follows the bar.
func (p *progress) report(label string, duration time.Duration, end string) {
	rate := int64(float64(p.done) / max(time.Since(p.began).Seconds(), 0.001))
	precision := time.Second
	if duration < 10*time.Second {
		precision = 10 * time.Millisecond
	}
	duration = duration.Round(precision)
	if p.terminal == nil {
		p.logger.Info(p.title, "done", p.done, "of", p.total, "perSecond", rate, label, duration)
		return
	}
	part := float64(p.done) / float64(max(p.total, 1))
	filled := min(int(part*barWidth), barWidth)
	_, _ = fmt.Fprintf(p.terminal, "\r\x1b[K%s [%s%s] %3.0f%% %d/%d, %d/s, %s %s%s", p.title,
		strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled), 100*part, p.done, p.total, rate, label, duration, end)
}
