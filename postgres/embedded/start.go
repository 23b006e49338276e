package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"
)

// errMemoryInUse is a start that failed because backends of a crashed server are still alive.
var errMemoryInUse = errors.New("backends of the crashed server are still running")

// start runs a new server and returns when it is ready. If ctx ends first, so does the server.
func (s *Server) start(ctx context.Context) (*postmaster, error) {
	log, err := openLog(s.dir, s.files)
	if err != nil {
		return nil, err
	}
	defer log.close()
	// Not ctx: the server is to outlive whatever opened it.
	cmd := s.account.command(context.WithoutCancel(ctx), s.dir.root, filepath.Join(s.binaries.dir, "postgres"), s.arguments()...)
	cmd.Stdout, cmd.Stderr = log.file, log.file
	started, err := startPostmaster(cmd, s.dir.pidFile())
	if err != nil {
		return nil, err
	}
	ready, err := started.ready(ctx)
	if ready {
		return started, nil
	}
	if err == nil {
		tail := log.tail()
		err = fmt.Errorf("the server ended while starting; the end of its log %s:\n%s", s.dir.log(), tail)
		if strings.Contains(tail, "pre-existing shared memory block") {
			err = fmt.Errorf("%w: %w", errMemoryInUse, err)
		}
		return nil, err
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastResort)
	defer cancel()
	return nil, errors.Join(fmt.Errorf("starting the server: %w", err), started.stop(last, unix.SIGQUIT))
}

// ready waits until the server says that it takes connections; it is false without an error if the process ended.
func (p *postmaster) ready(ctx context.Context) (bool, error) {
	for p.alive() {
		file, err := readPIDFile(p.file)
		if err == nil && file.pid == p.pid && file.status == "ready" {
			return true, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		if err := sleep(ctx, processPoll); err != nil {
			return false, err
		}
	}
	return false, nil
}

// arguments are the server's command line: ours first, so that Options.Settings win where both speak, but for the ways in.
func (s *Server) arguments() []string {
	settings := map[string]string{
		"cluster_name": "studycall",
		"timezone":     "UTC",
		"log_timezone": "UTC",
		"lc_messages":  "C", // errMemoryInUse is recognised by its text
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

// prepareDatabase creates the database studycall if it is missing, and learns the server's version. The caller holds the
// start lock, so nobody else is creating it.
func (s *Server) prepareDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.databaseURL("postgres"))
	if err != nil {
		return fmt.Errorf("connecting to the embedded Postgres: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var exists bool
	err = conn.QueryRow(ctx, `select split_part(current_setting('server_version'), ' ', 1),
		exists (select from pg_database where datname = 'studycall')`).Scan(&s.version, &exists)
	if err != nil {
		return fmt.Errorf("asking the embedded Postgres for its databases: %w", err)
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, "create database studycall"); err != nil {
		return fmt.Errorf("creating the database studycall: %w", err)
	}
	return nil
}

// adoptOwnership gives data that root owns (restored from a backup, a fresh mount) to the server's user.
func (s *Server) adoptOwnership() error {
	found, err := ownerOf(s.dir.data())
	if err != nil || found.uid == s.account.uid || !s.account.other {
		return err
	}
	return s.account.giveTree(s.dir.data())
}

func sqlState(err error) string {
	var serverErr *pgconn.PgError
	if errors.As(err, &serverErr) {
		return serverErr.Code
	}
	return ""
}
