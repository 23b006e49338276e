package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// connectTimeout bounds one attempt to connect, so that a dead address is an error and does not block.
	connectTimeout = 5 * time.Second
	// defaultMaxConns lets several servers share Postgres' default of 100 connections.
	defaultMaxConns = 16
	// oldestMajor is the oldest Postgres whose features the migrations use.
	oldestMajor = 14
)

// ErrURL is matched (errors.Is) by the error for an invalid database URL.
var ErrURL = errors.New("it must be one like postgres://user:password@host:5432/studycall")

// Option changes the pool that Connect opens.
type Option func(*pgxpool.Config)

// WithMaxConns bounds the pool to n connections (default 16, or the URL's pool_max_conns).
func WithMaxConns(n int32) Option {
	return func(config *pgxpool.Config) { config.MaxConns = n }
}

// WithApplicationName sets the name that Postgres shows for the connections (default "studycall").
func WithApplicationName(name string) Option {
	return func(config *pgxpool.Config) { config.ConnConfig.RuntimeParams["application_name"] = name }
}

// WithSchema sets the only schema in the search path (default Schema, whatever the URL or the role has).
func WithSchema(schema string) Option {
	return func(config *pgxpool.Config) {
		config.ConnConfig.RuntimeParams["search_path"] = pgx.Identifier{schema}.Sanitize()
	}
}

// Connect opens a pool on the database that url names, with or without Prisma's parameters, and checks the server's version.
//
// The error names the remedy: for an invalid URL (without its password), one that names another schema than Schema, a server that
// does not answer, and one older than Postgres 14. Unavailable reports whether a retry may help. The caller closes the pool.
func Connect(ctx context.Context, url string, options ...Option) (*pgxpool.Pool, error) {
	config, err := poolConfig(url, options)
	if err != nil {
		return nil, fmt.Errorf("the database URL is invalid: %w", err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the connection pool: %w", err)
	}
	if err := checkVersion(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// CheckURL returns the error with which Connect would refuse the URL, without connecting: an ErrURL, in one line and without the
// password.
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
		return nil, fmt.Errorf("%w, without schema=%s: the tables are in the schema %s; remove that parameter, or name a database of studycall's own",
			ErrURL, parsed.Schema, Schema)
	}
	url = parsed.Address
	config, err := pgxpool.ParseConfig(url)
	switch {
	case strings.TrimSpace(url) == "":
		return nil, fmt.Errorf("%w, and is empty", ErrURL)
	case err != nil && !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://"):
		return nil, ErrURL // the driver's message is about its other format, keywords and values
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
	// Dead connections are closed before many requests get one.
	config.HealthCheckPeriod = 15 * time.Second
	config.MaxConnLifetimeJitter = config.MaxConnLifetime / 10
	config.AfterConnect = scanTimesAsUTC
	// After taking a lock, the event store reads what others committed: each statement needs its own snapshot.
	config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "read committed"
	// A search path of the role or the URL would split the tables over two schemas.
	for _, option := range append([]Option{WithSchema(Schema)}, options...) {
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

// scanTimesAsUTC makes timestamptz columns scan as UTC instead of the machine's time zone, because business times are compared with ==
// and printed.
func scanTimesAsUTC(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// connectError is a failed connection, with a message of one line.
type connectError struct {
	text string
	err  error
}

func (e *connectError) Error() string { return e.text }

func (e *connectError) Unwrap() error { return e.err }

// newConnectError returns an error that names the address, the reasons and the remedy.
func newConnectError(config pgconn.Config, err error) error {
	target := fmt.Sprintf("database %q at %s:%d as user %q", config.Database, config.Host, config.Port, config.User)
	if strings.HasPrefix(config.Host, "/") {
		target = fmt.Sprintf("database %q on the socket in %s as user %q", config.Database, config.Host, config.User)
	}
	return &connectError{"connect to " + target + ": " + reasons(err) + connectAdvice(err), err}
}

// attempt matches what the driver writes before the reason of one attempt: the address and the step.
var attempt = regexp.MustCompile(`^(\S+ \([^)]*\): )?((dial|server|hostname resolving) error: )?`)

// reasons returns the reasons of a failed connection, each once, in one line. The driver reports each attempt on a line of its own,
// and makes two if TLS is optional, which mostly fail alike.
func reasons(err error) string {
	refused, ok := errors.AsType[*pgconn.ConnectError](err)
	if !ok {
		return err.Error()
	}
	var each []string
	for line := range strings.SplitSeq(refused.Unwrap().Error(), "\n") {
		if reason := attempt.ReplaceAllString(strings.TrimSpace(line), ""); !slices.Contains(each, reason) {
			each = append(each, reason)
		}
	}
	return strings.Join(each, "; ")
}

func connectAdvice(err error) string {
	serverErr, refused := errors.AsType[*pgconn.PgError](err)
	switch {
	case refused && serverErr.Code == "3D000":
		return "; create the database, or correct its name in the database URL"
	case refused && strings.HasPrefix(serverErr.Code, "28"):
		return "; check the user and password in the database URL"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return "; is Postgres running? Check the host and port in the database URL"
	case errors.Is(err, context.DeadlineExceeded):
		return "; nothing answered in time: check the host, the port and firewalls"
	default:
		return ""
	}
}
