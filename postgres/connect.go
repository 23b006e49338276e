package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
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

// Connect opens a pool on the database that url names and asks it once for its version.
//
// The error says what to do about it: about a URL that cannot be read (the password is never in the message), a server
// that does not answer, and one older than Postgres 14. Unavailable tells whether waiting may help. The caller closes the pool.
func Connect(ctx context.Context, url string, options ...Option) (*pgxpool.Pool, error) {
	config, err := poolConfig(url, options)
	if err != nil {
		return nil, err
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

func poolConfig(url string, options []Option) (*pgxpool.Config, error) {
	if strings.TrimSpace(url) == "" {
		return nil, errors.New("the database URL is empty; give one like postgres://user:password@host:5432/studycall")
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the database URL cannot be read; give one like postgres://user:password@host:5432/studycall: %w", err)
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
	config.ConnConfig.RuntimeParams["search_path"] = "public"
	for _, option := range options {
		option(config)
	}
	return config, nil
}

func checkVersion(ctx context.Context, pool *pgxpool.Pool) error {
	var number int
	err := pool.QueryRow(ctx, "select current_setting('server_version_num')::int").Scan(&number)
	if err != nil {
		return connectError(pool.Config().ConnConfig.Config, err)
	}
	if major := number / 10000; major < oldestMajor {
		return fmt.Errorf("the server is Postgres %d; studycall needs %d or newer: upgrade it or name another one in the database URL", major, oldestMajor)
	}
	return nil
}

// connectError adds where the database was expected and what to look at.
func connectError(config pgconn.Config, err error) error {
	where := fmt.Sprintf("database %q at %s:%d as user %q", config.Database, config.Host, config.Port, config.User)
	if strings.HasPrefix(config.Host, "/") {
		where = fmt.Sprintf("database %q on the socket in %s as user %q", config.Database, config.Host, config.User)
	}
	return fmt.Errorf("connecting to %s: %w%s", where, err, connectAdvice(err))
}

func connectAdvice(err error) string {
	var serverErr *pgconn.PgError
	switch {
	case errors.As(err, &serverErr) && serverErr.Code == "3D000":
		return "; create the database, or correct its name in the database URL"
	case errors.As(err, &serverErr) && strings.HasPrefix(serverErr.Code, "28"):
		return "; check the user and password in the database URL"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return "; is Postgres running there? Check the host and port in the database URL"
	case errors.Is(err, context.DeadlineExceeded):
		return "; nothing answered in time: check the host, the port and any firewall between"
	default:
		return ""
	}
}
