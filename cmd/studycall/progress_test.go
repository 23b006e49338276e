package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgressOnATerminalIsABar(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var screen bytes.Buffer
		p := newProgress(&streams{&screen, slog.New(slog.DiscardHandler)}, "rebuilding", 1000)
		p.terminal = &screen
		p.Add(1)
		if screen.Len() > 0 {
			t.Errorf("too early: %q", screen.String())
		}
		<-time.After(10 * time.Second)
		p.Add(249)
		if got, want := screen.String(), "\r\x1b[Krebuilding [#####...............]  25% 250/1000, 25/s, left 30s"; got != want {
			t.Errorf("the bar is %q, want %q", got, want)
		}
		<-time.After(10 * time.Second)
		p.Add(750)
		screen.Reset()
		p.Done()
		if got, want := screen.String(), "\r\x1b[Krebuilding [####################] 100% 1000/1000, 50/s, took 20s\n"; got != want {
			t.Errorf("the bar ends as %q, want %q", got, want)
		}
	})
}

func TestProgressWithoutATerminalIsLogLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out, lines bytes.Buffer
		p := newProgress(&streams{&out, slog.New(slog.NewTextHandler(&lines, nil))}, "rebuilding", 100)
		for range 30 {
			<-time.After(time.Second)
			p.Add(1)
		}
		if n := strings.Count(lines.String(), "\n"); n != 3 {
			t.Errorf("%d lines in 30 seconds:\n%s", n, lines.String())
		}
		if !strings.Contains(lines.String(), "done=2 of=100") || !strings.Contains(lines.String(), "done=22 of=100 perSecond=1 left=1m18s") {
			t.Errorf("the lines are\n%s", lines.String())
		}
		lines.Reset()
		p.Done()
		if !strings.HasSuffix(lines.String(), "msg=rebuilding done=30 of=100 perSecond=1 took=30s\n") || out.Len() > 0 {
			t.Errorf("the last line is %q; output: %q", lines.String(), out.String())
		}
	})
}

func TestProgressOfShortWorkShowsMilliseconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		p := newProgress(&streams{&bytes.Buffer{}, slog.New(slog.NewTextHandler(&lines, nil))}, "rebuilding", 100)
		<-time.After(123 * time.Millisecond)
		p.Add(100)
		p.Done()
		if !strings.HasSuffix(lines.String(), "took=120ms\n") {
			t.Errorf("the line is %q", lines.String())
		}
	})
}

func TestProgressOfNoWork(t *testing.T) {
	t.Parallel()
	var screen bytes.Buffer
	p := newProgress(&streams{&screen, slog.New(slog.DiscardHandler)}, "rebuilding", 0)
	p.terminal = &screen
	p.Done()
	if got := screen.String(); !strings.Contains(got, "0/0, 0/s, took 0s\n") {
		t.Errorf("the bar is %q", got)
	}
}
