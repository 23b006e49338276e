package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sys/unix"

	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/embedded"
)

// theServer opens the shared server, as this test process uses it, for the first test. It is a package variable because New and Main
// have nothing in common: one gets a *testing.T, the other a *testing.M.
var theServer = sync.OnceValues(func() (*shared, error) { //nolint:gochecknoglobals // see above
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server, err := open(ctx)
	opened = server
	return server, err
})

// opened is what theServer returned, if it was called.
var opened *shared //nolint:gochecknoglobals // see theServer

// shared is the server, with connections for creating and dropping databases.
type shared struct {
	server   *embedded.Server
	admin    *pgxpool.Pool
	template string        // the name of the migrated database
	holding  *pgxpool.Conn // its session holds the lock that marks the template as used
}

// settings give up durability for speed. synchronous_commit stays on, so that commits take the same paths as in production.
func settings() map[string]string {
	return map[string]string{
		"fsync":            "off",
		"full_page_writes": "off",
		"max_connections":  strconv.Itoa(min(max(300, 100*runtime.NumCPU()), 2000)), // as many packages run at once as there are cores
		"shared_buffers":   "128MB",
		"autovacuum":       "off",   // hundreds of short-lived databases would keep it busy
		"max_wal_size":     "512MB", // it may be in memory, see tempDir
	}
}

func open(ctx context.Context) (*shared, error) {
	// The version is in the name, so that an upgrade of the machine's Postgres starts with new data.
	major, err := embedded.InstalledMajor(ctx)
	if err != nil {
		return nil, err
	}
	server, err := embedded.Open(ctx, embedded.Options{
		Dir:      filepath.Join(tempDir(), fmt.Sprintf("studycall-postgrestest-%d-%d", os.Getuid(), major)),
		Settings: settings(),
		Logger:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
	})
	if err != nil {
		return nil, err
	}
	result := &shared{server: server}
	result.admin, err = postgres.Connect(ctx, server.URL(), postgres.WithMaxConns(8), postgres.WithApplicationName("postgrestest"))
	if err == nil {
		err = result.prepareTemplate(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, result.close(ctx))
	}
	return result, nil
}

func (s *shared) close(ctx context.Context) error {
	if s.holding != nil {
		// The lock ends with the session.
		_ = s.holding.Hijack().Close(ctx)
	}
	if s.admin != nil {
		s.admin.Close()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return s.server.Close(ctx)
}

// enoughMemory is the free space that a file system in memory must have: one database is small, but hundreds of them and the
// write-ahead log are not.
const enoughMemory = 4 << 30

// tempDir returns the folder for the servers' data: $TMPDIR if that is set, otherwise memory, otherwise the folder for temporary
// files. A test waits for the creation of its database's 300 files: measured, 10 ms in memory and 130 to 400 ms on the disk of a
// virtual machine.
func tempDir() string {
	if os.Getenv("TMPDIR") == "" {
		var memory unix.Statfs_t
		if unix.Statfs("/dev/shm", &memory) == nil && unix.Access("/dev/shm", unix.W_OK) == nil &&
			memory.Bavail > enoughMemory/uint64(max(memory.Bsize, 1)) { //nolint:gosec,nolintlint // its type differs between systems
			return enterable("/dev/shm")
		}
	}
	return enterable(os.TempDir())
}

// enterable returns the folder, or /tmp if Postgres cannot enter it: started by root, Postgres runs as another user.
func enterable(dir string) string {
	info, err := os.Stat(dir)
	if os.Getuid() == 0 && err == nil && info.Mode().Perm()&0o001 == 0 {
		return "/tmp"
	}
	return dir
}

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
		tb.Fatalf("create a folder for the cluster: %v", err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Errorf("remove the cluster: %v", err)
		}
	})
	if os.Getuid() == 0 {
		if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // Postgres' user has to enter
			tb.Fatalf("open the cluster's folder to Postgres: %v", err)
		}
	}
	s := &Server{options: embedded.Options{
		Dir: dir, Settings: all, Logger: slog.New(slog.NewTextHandler(tb.Output(), nil)),
		BinDir: start(tb).server.BinDir(), // they may have been downloaded, which is needed once only
	}}
	if err := s.Start(tb.Context()); err != nil {
		tb.Fatalf("start a cluster: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			tb.Errorf("stop the cluster: %v", err)
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
