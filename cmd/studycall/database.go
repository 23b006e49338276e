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

// stopTimeout bounds how long the embedded Postgres may take to stop.
const stopTimeout = 30 * time.Second

// leastConns is the smallest pool: who holds a participant's lock on one connection needs another for the command.
const leastConns = 4

// databaseFlags say which database a command uses.
type databaseFlags struct {
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"Postgres 14 to 18, such as postgres://user:password@host:5432/studycall. Empty: the embedded Postgres in --data-dir."`
	DataDir     string `name:"data-dir" env:"STUDYCALL_DATA_DIR" placeholder:"DIR" help:"Where the embedded Postgres keeps its data; made by the first serve, migrate, seed or import. Not together with --database-url. Empty: a folder of this user's."`
}

// database is an open database, and the embedded server under it, if it is that.
type database struct {
	*pgxpool.Pool
	url    string
	server *embedded.Server // nil: not ours
	log    *slog.Logger
}

// opening says what a command wants of the embedded server's data directory. Of other databases it says nothing.
type opening int

const (
	mayCreate opening = iota // the data is made if there is none
	existing                 // there is nothing to do without data, and so none is made
	toServe                  // mayCreate, and no other program serves from the directory
)

// applicationName is what Postgres calls the connections: each process's otherwise, since a rebuild gives way to those that
// have another name than its own.
func (o opening) applicationName() string {
	name := "studycall"
	if o != toServe {
		name = "studycall command"
	}
	return name + " " + rand.Text()[:8]
}

// open connects to the database, starting the embedded server if it is that one and does not run.
func (f databaseFlags) open(ctx context.Context, log *slog.Logger, how opening) (*database, error) {
	db := &database{url: f.DatabaseURL, log: log}
	if f.DatabaseURL == "" {
		server, err := embedded.Open(ctx, embedded.Options{
			Dir: f.DataDir, Exclusive: how == toServe, Existing: how == existing, Logger: log,
		})
		if errors.Is(err, embedded.ErrNoData) || errors.Is(err, embedded.ErrNotOurs) {
			return nil, usageError{err.Error()}
		}
		if err != nil {
			return nil, err
		}
		db.server, db.url = server, server.URL()
	}
	pool, err := postgres.Connect(ctx, db.url, postgres.WithApplicationName(how.applicationName()))
	if errors.Is(err, postgres.ErrURL) {
		return nil, usageError{"--database-url: " + err.Error()}
	}
	if err != nil {
		db.close()
		return nil, err
	}
	db.Pool = pool
	if most := pool.Config().MaxConns; most < leastConns {
		db.close()
		return nil, usageError{fmt.Sprintf("--database-url: pool_max_conns (or connection_limit) must be %d or more, not %d", leastConns, most)}
	}
	return db, nil
}

// openLog is open for commands that work on the log beside the servers: the schema must be current. Call done at the end.
func (f databaseFlags) openLog(ctx context.Context, log *slog.Logger, how opening) (db *database, store *eventstore.Store, done func(), err error) {
	if db, err = f.open(ctx, log, how); err != nil {
		return nil, nil, nil, err
	}
	if err = db.mustBeCurrent(ctx); err == nil {
		store, err = eventstore.Open(ctx, db.Pool, log)
	}
	if err != nil {
		db.close()
		return nil, nil, nil, err
	}
	return db, store, func() { store.Close(); db.close() }, nil
}

// describe says in a few words where the data is.
func (db *database) describe() string {
	if db.server != nil {
		return fmt.Sprintf("embedded Postgres %s in %s", db.server.Version(), db.server.Dir())
	}
	config := db.Config().ConnConfig
	return fmt.Sprintf("Postgres at %s:%d, database %s", config.Host, config.Port, config.Database)
}

// migrate brings the schema up to date and says what it did.
func (db *database) migrate(ctx context.Context) error {
	applied, err := postgres.Migrate(ctx, db.Pool, migrations.Files)
	if err != nil {
		return err
	}
	if len(applied) > 0 {
		db.log.Info("migrated the database", "applied", applied)
	}
	return nil
}

// mustBeCurrent is for commands that only look: a schema that is behind is an error, and no reason to change it. The
// embedded server's is nobody else's, and is brought up to date.
func (db *database) mustBeCurrent(ctx context.Context) error {
	if db.server != nil {
		return db.migrate(ctx)
	}
	pending, err := postgres.PendingMigrations(ctx, db.Pool, migrations.Files)
	if err == nil && len(pending) > 0 {
		err = fmt.Errorf("the database lacks the migrations %v: run studycall migrate first", pending)
	}
	return err
}

// close lets go of the database; the embedded server stops with its last user.
func (db *database) close() {
	if db.Pool != nil {
		db.Close()
	}
	if db.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := db.server.Close(ctx); err != nil {
		db.log.Error("could not stop the embedded Postgres", "error", err)
	}
}
