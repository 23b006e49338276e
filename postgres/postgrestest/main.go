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

// mostParallel bounds how many tests of a package run at once, unless -parallel says otherwise: each has pools of
// connections, and of packages as many run at once as there are cores.
const mostParallel = 4

// Main is what a package's TestMain calls: it runs the tests, lets go of the shared server (the last process out stops
// it), fails the package if goroutines are left over, and exits.
func Main(m *testing.M) {
	goleak.VerifyTestMain(releasing{m},
		// Waits for the server that this process started, which other test processes may still use.
		goleak.IgnoreAnyFunction("github.com/studycall/studycall/postgres/embedded.reap"))
}

// releasing puts the release between the tests and the search for goroutines.
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
