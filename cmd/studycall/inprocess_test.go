package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"

	"github.com/alecthomas/kong"
)

// serveInProcess runs `studycall serve` with the arguments in this process, and drains it at the end of the test. It writes
// all log levels to log. tune may change settings without flags; it may be nil.
func serveInProcess(t *testing.T, log io.Writer, tune func(*serveCommand), args ...string) (address string) {
	t.Helper()
	var command serveCommand
	parser, err := kong.New(&command)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(append([]string{"--listen=127.0.0.1:0"}, args...)); err != nil {
		t.Fatal(err)
	}
	if err := command.check(); err != nil {
		t.Fatal(err)
	}
	if tune != nil {
		tune(&command)
	}
	p, err := newProgram(t.Context(), command, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the program ended with %v", err)
		}
		p.Close()
	})
	return "http://" + p.Addr()
}

// record is a writer that keeps the text. It is safe for concurrent use.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}
