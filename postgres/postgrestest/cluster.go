package postgrestest

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/studycall/studycall/postgres/embedded"
)

// Cluster returns a Postgres server of the test's own, in a folder of its own, for tests that stop, crash or restore it. It
// has the settings of the shared one, then those given as "name=value"; with "fsync=on" its data is on a disk. At the end
// of the test it is stopped and removed. Creating one takes a second or two.
func Cluster(tb testing.TB, options ...string) *embedded.Server {
	tb.Helper()
	all := settings()
	all["max_connections"] = "100"
	all["shared_buffers"] = "32MB"
	maps.Copy(all, parse(tb, options))
	parent := tempDir()
	if all["fsync"] == "on" {
		parent = diskDir() // whoever wants to wait for a disk means one
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
		if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // another user has to get through
			tb.Fatalf("opening the cluster's folder to Postgres: %v", err)
		}
	}
	running, err := theServer.get() // its binaries may have been downloaded: once is enough
	if err != nil {
		tb.Fatalf("starting the shared test server: %v", err)
	}
	server, err := embedded.Open(tb.Context(), embedded.Options{
		Dir: dir, BinDir: running.server.BinDir(), Settings: all, Logger: slog.New(slog.NewTextHandler(tb.Output(), nil)),
	})
	if err != nil {
		tb.Fatalf("starting a cluster: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			tb.Errorf("stopping the cluster: %v", err)
		}
	})
	return server
}

func parse(tb testing.TB, options []string) map[string]string {
	tb.Helper()
	result := map[string]string{}
	for _, option := range options {
		name, value, found := strings.Cut(option, "=")
		if !found {
			tb.Fatalf("the setting %q is not name=value", option)
		}
		result[name] = value
	}
	return result
}
