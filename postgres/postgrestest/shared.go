package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/embedded"
)

// theServer is the shared server as this test process uses it. It is a package variable because New and Main have nothing in common:
// one gets a *testing.T, the other a *testing.M.
var theServer lazy //nolint:gochecknoglobals // see above

// lazy opens the shared server for the first test.
type lazy struct {
	once   sync.Once
	server *shared
	err    error
}

func (l *lazy) get() (*shared, error) {
	l.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		l.server, l.err = open(ctx)
	})
	return l.server, l.err
}

// close leaves the server if it was opened. It cannot be opened again.
func (l *lazy) close() error {
	l.once.Do(func() { l.err = errors.New("the tests are over") })
	if l.server == nil {
		return nil
	}
	return l.server.close(context.Background())
}

// shared is the server, with connections for creating and dropping databases.
type shared struct {
	server       *embedded.Server
	admin        *pgxpool.Pool
	templateName string
	holding      *pgxpool.Conn // its session holds the lock that marks the template as used
}

func (s *shared) template() string { return s.templateName }

// settings give up durability for speed. synchronous_commit stays on, so that commits take the same paths as in production.
func settings() map[string]string {
	return map[string]string{
		"fsync":            "off",
		"full_page_writes": "off",
		"max_connections":  strconv.Itoa(min(max(300, 100*runtime.NumCPU()), 2000)), // as many packages run at once as there are cores
		"shared_buffers":   "128MB",
		"autovacuum":       "off",   // hundreds of short-lived databases would keep it busy
		"max_wal_size":     "512MB", // it may be in memory, see tempDir
	}
}

func open(ctx context.Context) (*shared, error) {
	// The version is in the name, so that an upgrade of the machine's Postgres starts with new data.
	major, err := embedded.InstalledMajor(ctx)
	if err != nil {
		return nil, err
	}
	server, err := embedded.Open(ctx, embedded.Options{
		Dir:      filepath.Join(tempDir(), fmt.Sprintf("studycall-postgrestest-%d-%d", os.Getuid(), major)),
		Settings: settings(),
		Logger:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
	})
	if err != nil {
		return nil, err
	}
	result := &shared{server: server}
	result.admin, err = postgres.Connect(ctx, server.URL(), postgres.WithMaxConns(8), postgres.WithApplicationName("postgrestest"))
	if err == nil {
		result.templateName, err = prepareTemplate(ctx, result)
	}
	if err != nil {
		return nil, errors.Join(err, result.close(ctx))
	}
	return result, nil
}

func (s *shared) close(ctx context.Context) error {
	if s.holding != nil {
		// The lock ends with the session.
		_ = s.holding.Hijack().Close(ctx)
	}
	if s.admin != nil {
		s.admin.Close()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return s.server.Close(ctx)
}

// url returns the server's URL with another database.
func (s *shared) url(database string) string {
	target, err := url.Parse(s.server.URL())
	if err != nil {
		panic("the embedded server has an invalid URL: " + strconv.Quote(s.server.URL())) // a bug
	}
	target.Path = "/" + database
	return target.String()
}
