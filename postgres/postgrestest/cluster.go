package postgrestest

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/studycall/studycall/postgres/embedded"
)

// Server is a Postgres server of one test. Stop, Crash and Start are for that test's goroutine; the rest is safe for
// concurrent use.
type Server struct {
	*embedded.Server

	options embedded.Options
}

// Cluster returns a Postgres server of the test's own, in a folder of its own, for tests that stop, crash or restore it. It
// has the settings of the shared server, then those given as "name=value"; with "fsync=on" its data is on a disk. It is
// stopped and removed at the end of the test. Creating one takes a second or two.
func Cluster(tb testing.TB, options ...string) *Server {
	tb.Helper()
	all := settings()
	all["max_connections"] = "100"
	all["shared_buffers"] = "32MB"
	for _, option := range options {
		name, value, found := strings.Cut(option, "=")
		if !found {
			tb.Fatalf("the setting %q is not name=value", option)
		}
		all[name] = value
	}
	parent := tempDir()
	if all["fsync"] == "on" { // a test that measures durability needs a disk
		parent = enterable(os.TempDir())
	}
	// Not t.TempDir(): as root, its folders are closed to the user that Postgres runs as.
	dir, err := os.MkdirTemp(parent, "studycall-cluster-") //nolint:usetesting // see above
	if err != nil {
		tb.Fatalf("creating a folder for the cluster: %v", err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Errorf("removing the cluster: %v", err)
		}
	})
	if os.Getuid() == 0 {
		if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // Postgres' user has to enter
			tb.Fatalf("opening the cluster's folder to Postgres: %v", err)
		}
	}
	s := &Server{options: embedded.Options{
		Dir: dir, Settings: all, Logger: slog.New(slog.NewTextHandler(tb.Output(), nil)),
		BinDir: start(tb).server.BinDir(), // they may have been downloaded, which is needed once only
	}}
	if err := s.Start(tb.Context()); err != nil {
		tb.Fatalf("starting a cluster: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			tb.Errorf("stopping the cluster: %v", err)
		}
	})
	return s
}

// Start starts the server after Stop or Crash, at the same URL, and returns when it accepts connections.
func (s *Server) Start(ctx context.Context) error {
	server, err := embedded.Open(ctx, s.options)
	if err != nil {
		return err
	}
	s.Server = server
	return nil
}

// Stop ends the server as SIGTERM to studycall does: connections are cut, and the data is clean.
func (s *Server) Stop(ctx context.Context) error { return s.Close(ctx) }

// Crash ends the server at once, as a power failure does. The next start recovers from the log.
func (s *Server) Crash(ctx context.Context) error {
	if err := unix.Kill(s.PID(), unix.SIGQUIT); err != nil {
		return err
	}
	return s.Close(ctx)
}
