package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// maxLog is the size above which a start renames the server's log to postgres.log.1, replacing the one before.
const maxLog = 16 << 20

// errMemoryInUse is a start that failed because backends of a crashed server are still alive.
var errMemoryInUse = errors.New("backends of the crashed server are still running")

// start starts a new server and returns when it is ready. If ctx ends first, it stops the server.
func (s *Server) start(ctx context.Context) error {
	log, begin, err := s.openLog()
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the server has its own handle
	// Without ctx's cancellation, because the server outlives the process that opened it.
	cmd := s.account.command(context.WithoutCancel(ctx), s.dir.root, filepath.Join(s.binaries.dir, "postgres"), s.arguments()...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	pid, exited := cmd.Process.Pid, make(chan struct{})
	go reap(cmd, exited)
	for {
		file, err := readPIDFile(s.dir.pidFile())
		if err == nil && file.pid == pid && file.status == "ready" {
			return nil
		}
		select {
		case <-exited:
			return s.startError(io.NewSectionReader(log, begin, 1<<20))
		case <-time.After(processPoll):
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastResort)
			defer cancel()
			return errors.Join(fmt.Errorf("start the server: %w", context.Cause(ctx)), stopProcess(last, pid, unix.SIGQUIT))
		}
	}
}

// reap waits for the end of the server, so that it does not stay a zombie. It outlives the Server if other processes use
// the server, because only the parent can wait for a child.
func reap(cmd *exec.Cmd, exited chan<- struct{}) {
	_ = cmd.Wait() // the reason is in the server's log
	close(exited)
}

// startError is a failed start whose part of the server's log is given.
func (s *Server) startError(log io.Reader) error {
	text, _ := io.ReadAll(log) // as far as it can be read
	err := fmt.Errorf("the server ended while starting; the end of its log %s:\n%s", s.dir.log(), lastLines(text))
	if bytes.Contains(text, []byte("pre-existing shared memory block")) {
		err = fmt.Errorf("%w: %w", errMemoryInUse, err)
	}
	return err
}

func lastLines(text []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-20):], []byte("\n"))
}

// openLog opens the server's log. What this start writes begins at the offset.
func (s *Server) openLog() (file *os.File, begin int64, err error) {
	path := s.dir.log()
	if info, err := os.Lstat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, 0, fmt.Errorf("rename the server's log: %w", err)
		}
	}
	file, err = os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, 0o600) //nolint:gosec // our own data directory
	if err != nil {
		return nil, 0, fmt.Errorf("open the server's log: %w", err)
	}
	begin, err = file.Seek(0, io.SeekEnd)
	if err == nil {
		err = s.files.chown(path)
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open the server's log: %w", err), file.Close())
	}
	return file, begin, nil
}

// arguments returns the server's command line: our defaults, then Options.Settings, then the settings of the socket and
// the log, which nobody may change.
func (s *Server) arguments() []string {
	settings := map[string]string{
		"cluster_name": "studycall",
		"timezone":     "UTC",
		"log_timezone": "UTC",
		"lc_messages":  "C", // startError recognises a text
	}
	maps.Copy(settings, s.settings)
	maps.Copy(settings, map[string]string{
		"listen_addresses":        "",
		"port":                    strconv.Itoa(socketPort),
		"unix_socket_directories": `"` + strings.ReplaceAll(s.socketDir, `"`, `""`) + `"`,
		"unix_socket_permissions": "0700",
		"log_destination":         "stderr",
		"logging_collector":       "off",
	})
	args := []string{"-D", s.dir.data()}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

// prepareDatabase creates the database studycall if it is missing, and reads the server's version. The caller holds the
// start lock, so no other process creates it at the same time.
func (s *Server) prepareDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, databaseURL(s.socketDir, "postgres"))
	if err != nil {
		return fmt.Errorf("connect to the embedded Postgres: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var exists bool
	err = conn.QueryRow(ctx, `select split_part(current_setting('server_version'), ' ', 1),
		exists (select from pg_database where datname = 'studycall')`).Scan(&s.version, &exists)
	if err != nil {
		return fmt.Errorf("read the databases of the embedded Postgres: %w", err)
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, "create database studycall"); err != nil {
		return fmt.Errorf("create the database studycall: %w", err)
	}
	return nil
}

// createData makes the cluster beside its final place and moves it when it is whole, so that a crash half way leaves nothing
// that looks like data. The caller holds the start lock.
func (s *Server) createData(ctx context.Context) (err error) {
	defer logIfSlow(s.logger, "creating the database", "dir", s.dir.root)()
	s.removeUnfinished()
	// A name of its own: the initdb of a killed process may still be writing into an earlier folder.
	fresh, err := os.MkdirTemp(s.dir.root, "data.new-")
	if err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(fresh))
		}
	}()
	if err := s.account.chown(fresh); err != nil {
		return err
	}
	args := []string{
		"--pgdata=" + fresh, "--username=postgres", "--data-checksums",
		// Texts compare by their bytes: the order is the same on every system, and a new C library spoils no index.
		"--encoding=UTF8", "--locale=C",
		// The socket's folder is closed to other users, and there is no network.
		"--auth-local=trust", "--auth-host=reject",
	}
	if s.settings["fsync"] == "off" {
		args = append(args, "--no-sync")
	}
	output, err := s.account.command(ctx, s.dir.root, filepath.Join(s.binaries.dir, "initdb"), args...).CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("create the database: %w", context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("create the database with initdb: %w:\n%s", err, lastLines(output))
	}
	if err := os.Rename(fresh, s.dir.data()); err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	return syncDir(s.dir.root)
}

// removeUnfinished removes what crashed attempts left. A folder that cannot be removed does no harm.
func (s *Server) removeUnfinished() {
	unfinished, _ := filepath.Glob(filepath.Join(s.dir.root, "data.new-*"))
	for _, path := range unfinished {
		if err := os.RemoveAll(path); err != nil {
			s.logger.Warn("removing an unfinished database failed", "path", path, "error", err)
		}
	}
}

// syncDir makes a rename in the folder durable.
func syncDir(path string) error {
	dir, err := os.Open(path) //nolint:gosec // our own data directory
	if err == nil {
		err = errors.Join(dir.Sync(), dir.Close())
	}
	if err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}
