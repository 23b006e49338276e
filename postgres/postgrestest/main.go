package postgrestest

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

// mostParallel bounds the parallel tests of a package: each has connection pools, and go test runs as many packages at once as there
// are cores.
const mostParallel = 4

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
	if runtime.GOMAXPROCS(0) > mostParallel {
		if err := flag.Set("test.parallel", strconv.Itoa(mostParallel)); err != nil {
			panic(err) // testing has that flag
		}
	}
	code := r.m.Run() // which parses the command line
	if err := theServer.close(); err != nil {
		fmt.Fprintln(os.Stderr, "releasing the shared test server:", err)
		return max(code, 1)
	}
	return code
}
