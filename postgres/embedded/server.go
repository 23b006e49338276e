package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

// Options select the server to open. Every zero value has a meaning. Open does not change them.
type Options struct {
	// Dir is the data directory, created on first use and reused after; empty means DefaultDir.
	Dir string
	// Exclusive claims the directory among the processes that ask for the same (the serving program): a second one gets an
	// error. Processes that do not ask are not affected.
	Exclusive bool
	// Existing opens only a directory that has data, and creates none.
	Existing bool
	// Settings are Postgres settings, name to value. They override ours, except the socket and the log. They apply when this
	// process starts the server; a running server keeps its own. With "fsync" set to "off", initdb skips its syncs as well.
	Settings map[string]string
	// BinDir is the folder of the Postgres binaries; empty means to search the machine, then to download them.
	BinDir string
	// Logger receives slow steps and errors in the background; nil means slog.Default().
	Logger *slog.Logger

	// search is where binaries come from; nil means this machine, then the public repository. Tests have their own.
	search *search
}

// Server is an embedded Postgres that this process uses, alone or with others. Safe for concurrent use.
//
// Its fields do not change after Open. Whether and as which process the server runs is read from its pid file each time,
// because any of its users may have started it.
type Server struct {
	dir       directory
	account   account
	files     owner // owns the files beside the data
	binaries  binaries
	settings  map[string]string
	logger    *slog.Logger
	socketDir string
	version   string

	users, starting, serving *flock.Flock

	closed     atomic.Bool
	cancel     context.CancelFunc // ends the supervisor
	supervisor sync.WaitGroup
}

// Open makes sure that the server of the data directory runs, creating the data if there is none, and joins its users. From
// then on, each user restarts a server that dies. The caller calls Close.
//
// It fails with ErrNotOurs or ErrNoData for a directory that it leaves unchanged. The other errors name the remedy: another
// process has the directory and options.Exclusive is set, missing binaries, data of another Postgres version, a folder that the
// server's account cannot enter, or a server that does not start (with the last lines of its log). ctx bounds the opening, not
// the life of the server.
func Open(ctx context.Context, options Options) (_ *Server, err error) {
	s := &Server{settings: maps.Clone(options.Settings), logger: options.Logger}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if err := s.openDirectory(ctx, options); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.releaseLocks())
		}
	}()
	if options.Exclusive {
		if err := s.takeExclusive(); err != nil {
			return nil, err
		}
	}
	if err := s.underStartLock(ctx, func() error { return s.join(ctx, options) }); err != nil {
		return nil, err
	}
	// The supervisor outlives the context of Open.
	supervision, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.supervisor.Go(func() { s.supervise(supervision) })
	return s, nil
}

func (s *Server) openDirectory(ctx context.Context, options Options) (err error) {
	if s.dir, err = findDirectory(options.Dir); err != nil {
		return err
	}
	if err := s.dir.check(options.Existing); err != nil {
		return err
	}
	if s.account, err = serverAccount(s.dir.data(), s.dir.root); err != nil {
		return err
	}
	if err := s.account.checkAccess(ctx, s.dir.root); err != nil {
		return err
	}
	if s.files, err = s.dir.create(); err != nil {
		return err
	}
	// Resolve links again, because the folder may not have existed before.
	s.dir, err = findDirectory(s.dir.root)
	s.users, s.starting, s.serving = s.dir.lock("users"), s.dir.lock("start"), s.dir.lock("serve")
	return err
}

// join registers this process as a user and makes sure that the server runs. The caller holds the start lock.
func (s *Server) join(ctx context.Context, options Options) error {
	// The lock is exclusive only for a holder of the start lock.
	shared, err := s.users.TryRLock()
	if err == nil && !shared {
		err = errors.New("a program other than studycall holds it")
	}
	if err == nil {
		err = s.files.chown(s.users.Path())
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", s.users.Path(), err)
	}
	major, err := s.dir.major()
	if err != nil {
		return err
	}
	if s.binaries, err = s.findBinaries(ctx, options, major); err != nil {
		return err
	}
	if s.socketDir, err = s.dir.socketDir(s.account); err != nil {
		return err
	}
	if major == 0 {
		err = s.createData(ctx)
	} else {
		err = s.takeOwnership()
	}
	if err != nil {
		return err
	}
	if err := s.ensureRunning(ctx); err != nil {
		return err
	}
	if err := s.prepareDatabase(ctx); err != nil {
		return errors.Join(err, s.leave(context.WithoutCancel(ctx)))
	}
	return nil
}

// leave stops the server if this process is its last user. The caller holds the start lock. leave releases the users lock, so that
// no process that takes the start lock next finds the users lock exclusive.
func (s *Server) leave(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.users.Unlock()) }()
	last, err := s.users.TryLock()
	if err != nil {
		return fmt.Errorf("lock %s: %w", s.users.Path(), err)
	}
	if !last {
		return nil
	}
	if pid := s.PID(); pid != 0 {
		err = stopProcess(ctx, pid, unix.SIGINT)
	}
	if !strings.HasPrefix(s.socketDir, s.dir.root) { // a folder among the temporary files
		_ = os.Remove(s.socketDir)
	}
	s.logger.Debug("embedded Postgres stopped", "dir", s.dir.root)
	return err
}

// Close leaves the server. The last user stops it and waits for its end as long as ctx lasts; after that it ends the server
// at once, which costs the next start a recovery. Calls after the first do nothing.
func (s *Server) Close(ctx context.Context) error {
	if s.closed.Swap(true) {
		return nil
	}
	s.cancel()
	s.supervisor.Wait()
	err := s.underStartLock(ctx, func() error { return s.leave(ctx) })
	return errors.Join(err, s.releaseLocks())
}

// URL returns the connection URL of the database studycall, for pgx and libpq alike. It stays the same across restarts.
func (s *Server) URL() string { return s.DatabaseURL("studycall") }

// DatabaseURL returns the connection URL of another database of the server.
func (s *Server) DatabaseURL(name string) string { return databaseURL(s.socketDir, name) }

func databaseURL(socketDir, database string) string {
	// The URL names everything, so that PGHOST, PGPORT and the like in the environment have no effect.
	query := url.Values{"host": {socketDir}, "port": {strconv.Itoa(socketPort)}, "sslmode": {"disable"}}
	address := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + database,
		// A space as %20: Postgres' clients do not read a plus as a space.
		RawQuery: strings.ReplaceAll(query.Encode(), "+", "%20")}
	return address.String()
}

// Version returns the server's version, such as "15.14".
func (s *Server) Version() string { return s.version }

// BinDir returns the folder of the server's binaries. It has pg_dump and psql too, unless the binaries were downloaded.
func (s *Server) BinDir() string { return s.binaries.dir }

// Dir returns the data directory, absolute and free of links.
func (s *Server) Dir() string { return s.dir.root }

// PID returns the id of the server's main process, 0 while the server is down.
func (s *Server) PID() int { return s.dir.serverPID() }
