package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// connectTimeout bounds one attempt to connect, so that a dead address is an answer and not a hang.
	connectTimeout = 5 * time.Second
	// defaultMaxConns leaves room for several servers beside Postgres' default of 100 connections.
	defaultMaxConns = 16
	// oldestMajor is the oldest Postgres whose features the migrations use.
	oldestMajor = 14
)

// ErrURL is matched (errors.Is) by the error for a database URL that cannot be read.
var ErrURL = errors.New("it has to be one like postgres://user:password@host:5432/studycall")

// Option changes how Connect sets up the pool.
type Option func(*pgxpool.Config)

// WithMaxConns bounds the pool to n connections (default 16, or the URL's pool_max_conns).
func WithMaxConns(n int32) Option {
	return func(config *pgxpool.Config) { config.MaxConns = n }
}

// WithApplicationName is the name that Postgres shows for the connections (default "studycall").
func WithApplicationName(name string) Option {
	return func(config *pgxpool.Config) { config.ConnConfig.RuntimeParams["application_name"] = name }
}

// WithSchema has the pool look for tables in that schema and in no other (default Schema, whatever the URL or the role has).
func WithSchema(schema string) Option {
	return func(config *pgxpool.Config) { config.ConnConfig.RuntimeParams["search_path"] = quoted(schema) }
}

// Connect opens a pool on the database that url names, with or without Prisma's parameters, and asks it once for its
// version.
//
// The error says what to do about it: about a URL that cannot be read (the password is never in the message) or that names
// another schema than Schema, a server that does not answer, and one older than Postgres 14. Unavailable tells whether
// waiting may help. The caller closes the pool.
func Connect(ctx context.Context, url string, options ...Option) (*pgxpool.Pool, error) {
	config, err := poolConfig(url, options)
	if err != nil {
		return nil, fmt.Errorf("the database URL cannot be read: %w", err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("opening the connection pool: %w", err)
	}
	if err := checkVersion(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// CheckURL says, without connecting, what Connect would about a URL that cannot be read: an ErrURL, in one line and without
// the password.
func CheckURL(url string) error {
	_, err := poolConfig(url, nil)
	return err
}

func poolConfig(url string, options []Option) (*pgxpool.Config, error) {
	parsed, err := ParsePrismaURL(url)
	if errors.Is(err, errPooler) {
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	if err != nil {
		return nil, ErrURL
	}
	if parsed.Schema != Schema {
		return nil, fmt.Errorf("%w, without schema=%s: the tables are made in the schema %s; take that parameter away, or name a database of studycall's own",
			ErrURL, parsed.Schema, Schema)
	}
	url = parsed.Address
	config, err := pgxpool.ParseConfig(url)
	switch {
	case strings.TrimSpace(url) == "":
		return nil, fmt.Errorf("%w, and is empty", ErrURL)
	case err != nil && !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://"):
		return nil, ErrURL // the driver took it for a list of words, and says that
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = defaultMaxConns
	}
	if !strings.Contains(url, "connect_timeout") {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "studycall"
	}
	// A quarter of a minute: connections that died in the meantime are gone before much traffic meets them.
	config.HealthCheckPeriod = 15 * time.Second
	config.MaxConnLifetimeJitter = config.MaxConnLifetime / 10
	config.AfterConnect = scanTimesAsUTC
	// The event store reads what others committed after it has taken a lock: each statement needs its own snapshot.
	config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "read committed"
	// Where a role or the URL would have another schema first, half of the tables would be made there.
	config.ConnConfig.RuntimeParams["search_path"] = quoted(Schema)
	for _, option := range options {
		option(config)
	}
	return config, nil
}

func checkVersion(ctx context.Context, pool *pgxpool.Pool) error {
	var number int
	err := pool.QueryRow(ctx, "select current_setting('server_version_num')::int").Scan(&number)
	if err != nil {
		return newConnectError(pool.Config().ConnConfig.Config, err)
	}
	if major := number / 10000; major < oldestMajor {
		return fmt.Errorf("the server is Postgres %d; studycall needs %d or newer: upgrade it or name another one in the database URL", major, oldestMajor)
	}
	return nil
}
