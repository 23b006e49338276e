package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// deafness is how long a server that says it is ready, or is stopping, may give no answer before it is replaced. Starting
// has no limit: recovering from a crash may take long.
const deafness = 30 * time.Second

// adopt returns the server that runs on our data and the folder of its socket, waiting for one that is starting or
// stopping; nil if there is none. The caller holds the start lock.
func (s *Server) adopt(ctx context.Context) (*postmaster, string, error) {
	deadline := time.Now().Add(deafness)
	for {
		file, err := readPIDFile(s.dir.pidFile())
		if errors.Is(err, fs.ErrNotExist) {
			return nil, "", removeSocketLock(s.socketDir)
		}
		if err != nil {
			return nil, "", err
		}
		if !alive(file.pid) || !isPostmaster(file.pid, s.dir.data()) {
			return nil, "", s.clearStale(ctx, file)
		}
		found := &postmaster{pid: file.pid, file: s.dir.pidFile()}
		if file.status == "ready" && s.answers(ctx, file.socketDir) {
			return found, file.socketDir, nil
		}
		if file.status == "starting" {
			deadline = time.Now().Add(deafness)
		}
		if time.Now().After(deadline) {
			s.logger.Warn("replacing an embedded Postgres that does not answer", "pid", file.pid, "dir", s.dir.root)
			if err := found.stop(ctx, unix.SIGQUIT); err != nil {
				return nil, "", err
			}
			continue
		}
		if err := sleep(ctx, processPoll); err != nil {
			return nil, "", fmt.Errorf("waiting for the server (process %d), which is %q: %w", file.pid, file.status, err)
		}
	}
}

// clearStale makes way for a new server past what a crashed one left.
func (s *Server) clearStale(ctx context.Context, file pidFile) error {
	// From inside a container, the processes of another one cannot be seen; but its server's socket can.
	if file.socketDir != "" && s.answers(ctx, file.socketDir) {
		return fmt.Errorf("a server that this process cannot see (another container's?) runs on data directory %s; stop it or choose another --data-dir",
			s.dir.root)
	}
	if err := disownPIDFile(s.dir.pidFile(), s.account); err != nil {
		return err
	}
	return removeSocketLock(s.socketDir)
}

// answers reports whether a server takes connections on the socket. One that has none left is well.
func (s *Server) answers(ctx context.Context, socketDir string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	known := Server{socketDir: socketDir}
	conn, err := pgx.Connect(ctx, known.databaseURL("postgres"))
	if err != nil {
		return sqlState(err) == "53300"
	}
	_ = conn.Close(ctx)
	return true
}
