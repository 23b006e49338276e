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

// theServer is this test process's hold on the shared server. It is a package variable because testing gives New and Main
// nothing else in common: one is called with a *testing.T, the other with a *testing.M.
var theServer lazy //nolint:gochecknoglobals // see above

// lazy opens the shared server when the first test asks for it.
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

// close lets go of the server, if it was opened, for good.
func (l *lazy) close() error {
	l.once.Do(func() { l.err = errors.New("the tests are over") })
	if l.server == nil {
		return nil
	}
	return l.server.close(context.Background())
}

// shared is the server and our connections for creating and dropping databases in it.
type shared struct {
	server       *embedded.Server
	admin        *pgxpool.Pool
	templateName string
	holding      *pgxpool.Conn // whose session says that we use the template
}

func (s *shared) template() string { return s.templateName }

// settings trade what a test database does not need (surviving a power cut) for speed. synchronous_commit stays on, so that
// commits take the paths that they take in production.
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
	// The version is in the name, so that an upgrade of the machine's Postgres starts afresh.
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
		// The lock goes with the session; this connection is not used again.
		_ = s.holding.Hijack().Close(ctx)
	}
	if s.admin != nil {
		s.admin.Close()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return s.server.Close(ctx)
}

// url is the server's URL with another database.
func (s *shared) url(database string) string {
	target, err := url.Parse(s.server.URL())
	if err != nil {
		panic("the embedded server has a URL that cannot be read: " + strconv.Quote(s.server.URL())) // a mistake in our own code
	}
	target.Path = "/" + database
	return target.String()
}
