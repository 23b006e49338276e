package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Server is an embedded Postgres that this process uses, alone or with others. Safe for concurrent use.
type Server struct {
	dir       directory
	account   account
	files     owner // whom the files beside the data belong to
	binaries  binaries
	settings  map[string]string
	logger    *slog.Logger
	socketDir string
	version   string

	users, starting, serving *fileLock
	// turn holds one token: within this process it does what starting does between processes.
	turn chan struct{}

	mu      sync.Mutex
	current *postmaster
	wanted  bool // false between Stop and Start, and after Close
	closed  bool

	cancel     context.CancelFunc
	supervised chan struct{} // closed when the supervisor has ended
}

// Open makes sure that the server of the data directory runs, creating the data if there is none, and joins its users.
// From then on a server that dies is started again, by whichever of its users notices first. The caller calls Close.
//
// It fails with an InUseError if options.Exclusive cannot be had, with ErrNotOurs and ErrNoData for a directory that is left
// as it was, and otherwise with an error that says what to do: about
// missing binaries, data of another Postgres version, a folder that the server's user cannot enter, or, with the last lines
// of its log, a server that does not start. ctx bounds the opening, not the server.
func Open(ctx context.Context, options Options) (_ *Server, err error) {
	s := &Server{
		settings: maps.Clone(options.Settings), logger: options.Logger, wanted: true,
		turn: make(chan struct{}, 1), supervised: make(chan struct{}),
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if s.dir, err = openDirectory(options.Dir); err != nil {
		return nil, err
	}
	if err := s.dir.check(options.Existing); err != nil {
		return nil, err
	}
	if s.account, err = serverAccount(s.dir); err != nil {
		return nil, err
	}
	if err := s.account.checkReach(ctx, s.dir.root); err != nil {
		return nil, err
	}
	if s.files, err = s.dir.create(); err != nil {
		return nil, err
	}
	// Once more without links: the folder may not have existed before.
	if s.dir, err = openDirectory(s.dir.root); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.letGo())
		}
	}()
	if err := s.openLocks(options.Exclusive); err != nil {
		return nil, err
	}
	if err := s.transition(ctx, func() error { return s.join(ctx, options) }); err != nil {
		return nil, err
	}
	// The supervisor belongs to the Server, which lives on when the context of its opening is over.
	supervision, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	go s.supervise(supervision)
	return s, nil
}

func (s *Server) openLocks(exclusive bool) (err error) {
	if exclusive {
		if s.serving, err = openLock(s.dir.lock("serve"), s.files); err != nil {
			return err
		}
		free, err := s.serving.try(unix.LOCK_EX)
		if err != nil {
			return err
		}
		if !free {
			return &InUseError{Dir: s.dir.root, PID: s.serving.signer()}
		}
		if err := s.serving.sign(); err != nil {
			return err
		}
	}
	if s.users, err = openLock(s.dir.lock("users"), s.files); err != nil {
		return err
	}
	s.starting, err = openLock(s.dir.lock("start"), s.files)
	return err
}

// join counts us among the users and gets the server going. The caller holds the start lock.
func (s *Server) join(ctx context.Context, options Options) error {
	// Only who holds the start lock ever has this one exclusively.
	shared, err := s.users.try(unix.LOCK_SH)
	if err != nil {
		return err
	}
	if !shared {
		return fmt.Errorf("the lock %s is held by something that is not studycall", s.dir.lock("users"))
	}
	wanted, err := s.dir.major()
	if err != nil {
		return err
	}
	if s.binaries, err = s.findBinaries(ctx, options, wanted); err != nil {
		return err
	}
	if s.socketDir, err = s.dir.socketDir(s.account); err != nil {
		return err
	}
	if wanted == 0 {
		if err := s.createData(ctx); err != nil {
			return err
		}
	} else if err := s.adoptOwnership(); err != nil {
		return err
	}
	if err := s.ensureRunning(ctx); err != nil {
		return err
	}
	if err := s.prepareDatabase(ctx); err != nil {
		_, leaveErr := s.leave(context.WithoutCancel(ctx))
		return errors.Join(err, leaveErr)
	}
	return nil
}

// Close leaves the server; the last user out stops it, cleanly, and waits for that as long as ctx lasts (after that the
// server is ended at once, which costs the next start a recovery). Calls after the first do nothing.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	again := s.closed
	s.closed, s.wanted = true, false
	s.mu.Unlock()
	if again {
		return nil
	}
	s.cancel()
	<-s.supervised
	err := s.transition(ctx, func() error {
		last, err := s.leave(ctx)
		if last {
			s.logger.Debug("embedded Postgres stopped", "dir", s.dir.root)
		}
		return err
	})
	return errors.Join(err, s.letGo())
}

// letGo closes the locks.
func (s *Server) letGo() error {
	return errors.Join(s.users.close(), s.starting.close(), s.serving.close())
}

// URL returns the connection URL of the database studycall, for pgx and libpq alike.
func (s *Server) URL() string { return s.databaseURL("studycall") }

func (s *Server) databaseURL(database string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Everything is spelt out, so that PGHOST, PGPORT and their like in the environment do not get in.
	query := url.Values{"host": {s.socketDir}, "port": {strconv.Itoa(socketPort)}, "sslmode": {"disable"}}
	target := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + database,
		// A space as %20: unlike web servers, Postgres' clients do not read a plus as one.
		RawQuery: strings.ReplaceAll(query.Encode(), "+", "%20")}
	return target.String()
}

// Version returns the server's version, such as "15.14".
func (s *Server) Version() string { return s.version }

// BinDir returns the folder of the server's binaries; pg_dump and psql are there too, unless they were downloaded.
func (s *Server) BinDir() string { return s.binaries.dir }

// Dir returns the data directory, absolute and free of links.
func (s *Server) Dir() string { return s.dir.root }

// LogFile returns the path of the server's own log.
func (s *Server) LogFile() string { return s.dir.log() }
