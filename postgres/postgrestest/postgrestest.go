package postgrestest

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/studycall/studycall/postgres"
)

// patience bounds each step. It is long, because with the race detector and all packages at once on few cores, a step may wait for
// long.
const patience = 2 * time.Minute

const (
	// mostParallel bounds the parallel tests of a package: each has connection pools, and go test runs as many packages at once as
	// there are cores.
	mostParallel = 4
	// shortParallel is the number of parallel tests with -short, where tests mostly wait: on two cores, the tests of eventstore take
	// 6 s instead of 13 s.
	shortParallel = 8
)

// Main runs a package's tests, leaves the shared server (its last user stops it), fails the package if goroutines are left, and exits.
// A package's TestMain calls it.
func Main(m *testing.M) {
	goleak.VerifyTestMain(releasing{m},
		// Waits for the server that this process started, which other test processes may still use.
		goleak.IgnoreAnyFunction("github.com/studycall/studycall/postgres/embedded.reap"))
}

// releasing leaves the shared server between the tests and the check for goroutines.
type releasing struct{ m *testing.M }

func (r releasing) Run() int {
	flag.Parse()
	parallel := min(runtime.GOMAXPROCS(0), mostParallel)
	if testing.Short() {
		parallel = shortParallel
	}
	chosen := flag.Lookup("test.parallel").Value // GOMAXPROCS unless the command line has the flag
	if chosen.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		if err := chosen.Set(strconv.Itoa(parallel)); err != nil {
			panic(err) // the flag is a number
		}
	}
	code := r.m.Run()
	if opened == nil {
		return code
	}
	if err := opened.close(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "releasing the shared test server:", err)
		return max(code, 1)
	}
	return code
}

// New returns a pool (of at most 10 connections) on a fresh, migrated database of this test alone. After the test and its cleanups,
// the pool is closed and the database dropped. Safe for parallel tests.
func New(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool, err := postgres.Connect(tb.Context(), NewURL(tb), postgres.WithMaxConns(10))
	if err != nil {
		tb.Fatalf("connect to the test's database: %v", err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

// NewURL is New for tests that start whole programs: it returns the URL of the database, without a pool. Open connections are ended
// with the test. Safe for parallel tests.
func NewURL(tb testing.TB) string {
	tb.Helper()
	return create(tb, start(tb).template)
}

// Empty is NewURL without migrations. Safe for parallel tests.
func Empty(tb testing.TB) string {
	tb.Helper()
	return create(tb, "template0")
}

func create(tb testing.TB, template string) string {
	tb.Helper()
	server, name := start(tb), newName()
	if err := server.create(tb.Context(), name, template); err != nil {
		tb.Fatalf("create the test's database: %v", err)
	}
	tb.Cleanup(func() {
		if err := server.drop(tb.Context(), name); err != nil {
			tb.Errorf("drop the test's database: %v", err)
		}
	})
	return server.server.DatabaseURL(name)
}

// start returns the shared server.
func start(tb testing.TB) *shared {
	tb.Helper()
	server, err := theServer()
	if err != nil {
		tb.Fatalf("start the shared test server: %v", err)
	}
	return server
}

// Example runs the body of an Example function with a testing.TB, so that it can use New and the other functions of this
// package. A failure panics. Cleanups run when body returns.
func Example(body func(tb testing.TB)) {
	ctx, cancel := context.WithCancel(context.Background())
	tb := &exampleTB{ctx: ctx}
	defer func() {
		cancel()
		for _, cleanup := range slices.Backward(tb.cleanups) {
			cleanup()
		}
	}()
	body(tb)
}

// exampleTB implements the methods of testing.TB that set up a database. The other methods panic.
type exampleTB struct {
	testing.TB
	ctx      context.Context //nolint:containedctx // testing.TB has a context
	cleanups []func()
}

func (e *exampleTB) Helper()                           {}
func (e *exampleTB) Context() context.Context          { return e.ctx }
func (e *exampleTB) Cleanup(cleanup func())            { e.cleanups = append(e.cleanups, cleanup) }
func (e *exampleTB) Output() io.Writer                 { return os.Stderr }
func (e *exampleTB) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (e *exampleTB) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (e *exampleTB) Error(args ...any)                 { e.Fatal(args...) }
func (e *exampleTB) Errorf(format string, args ...any) { e.Fatalf(format, args...) }
