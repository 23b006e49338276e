package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/migrations"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/embedded"
)

// minConns is the smallest pool: a handler that holds a participant's lock on one connection needs another for the command.
const minConns = 4

// databaseFlags select the database.
type databaseFlags struct {
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"Postgres 14 to 18, such as postgres://user:password@host:5432/studycall. Empty: the embedded Postgres in --data-dir."`
	DataDir     string `name:"data-dir" env:"STUDYCALL_DATA_DIR" placeholder:"DIR" help:"Data directory of the embedded Postgres; created by the first serve, migrate, seed or import. Not together with --database-url. Empty: a directory of the current user."`
}

// database is an open database.
type database struct {
	*pgxpool.Pool
	url    string
	server *embedded.Server  // nil if the database is not embedded
	store  *eventstore.Store // nil until the log is open
	log    *slog.Logger
}

// opening is the way in which a command opens the embedded server's data directory. It has no effect on other databases.
type opening int

const (
	mayCreate opening = iota // creates the data if there is none
	existing                 // fails if there is no data
	toServe                  // mayCreate; fails if another program serves from the directory
)

// applicationName returns the name of the connections in Postgres. It is unique to the process, because a rebuild yields to
// connections with a name other than its own.
func (o opening) applicationName() string {
	name := "studycall"
	if o != toServe {
		name = "studycall command"
	}
	return name + " " + rand.Text()[:8]
}

// open connects to the database. It starts the embedded server if that is the database and does not run.
func (f databaseFlags) open(ctx context.Context, log *slog.Logger, how opening) (*database, error) {
	db := &database{url: f.DatabaseURL, log: log}
	if f.DatabaseURL == "" {
		server, err := embedded.Open(ctx, embedded.Options{
			Dir: f.DataDir, Exclusive: how == toServe, Existing: how == existing, Logger: log,
		})
		if errors.Is(err, embedded.ErrNoData) || errors.Is(err, embedded.ErrNotOurs) {
			return nil, codedError{err, exitUsage}
		}
		if err != nil {
			return nil, err
		}
		db.server, db.url = server, server.URL()
	}
	var err error
	db.Pool, err = postgres.Connect(ctx, db.url, postgres.WithApplicationName(how.applicationName()))
	if errors.Is(err, postgres.ErrURL) {
		err = usageErrorf("--database-url: %w", err)
	} else if err == nil && db.Config().MaxConns < minConns {
		err = usageErrorf("--database-url: pool_max_conns (or connection_limit) must be %d or more, not %d", minConns, db.Config().MaxConns)
	}
	if err != nil {
		db.close()
		return nil, err
	}
	return db, nil
}

// openLog opens the database and its log for a command that works beside running servers: the schema must be current.
func (f databaseFlags) openLog(ctx context.Context, log *slog.Logger, how opening) (*database, error) {
	db, err := f.open(ctx, log, how)
	if err != nil {
		return nil, err
	}
	if err = db.requireCurrentSchema(ctx); err == nil {
		db.store, err = eventstore.Open(ctx, db.Pool, log)
	}
	if err != nil {
		db.close()
		return nil, err
	}
	return db, nil
}

// describe returns the location of the data for people.
func (db *database) describe() string {
	if db.server != nil {
		return fmt.Sprintf("embedded Postgres %s in %s", db.server.Version(), db.server.Dir())
	}
	config := db.Config().ConnConfig
	return fmt.Sprintf("Postgres at %s:%d, database %s", config.Host, config.Port, config.Database)
}

// migrate applies the pending migrations and logs them.
func (db *database) migrate(ctx context.Context) error {
	applied, err := postgres.Migrate(ctx, db.Pool, migrations.Files)
	if len(applied) > 0 && err == nil {
		db.log.Info("migrated the database", "applied", applied)
	}
	return err
}

// requireCurrentSchema returns an error if migrations are pending. The embedded database belongs to this program alone, so it
// is migrated instead.
func (db *database) requireCurrentSchema(ctx context.Context) error {
	if db.server != nil {
		return db.migrate(ctx)
	}
	pending, err := postgres.PendingMigrations(ctx, db.Pool, migrations.Files)
	if err == nil && len(pending) > 0 {
		err = fmt.Errorf("the database lacks the migrations %v: run studycall migrate first", pending)
	}
	return err
}

// close closes the database. The embedded server stops when its last user closes it.
func (db *database) close() {
	if db.store != nil {
		db.store.Close()
	}
	if db.Pool != nil {
		db.Close()
	}
	if db.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := db.server.Close(ctx); err != nil {
		db.log.Error("could not stop the embedded Postgres", "error", err)
	}
}
