package postgrestest

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Main is what a package's TestMain calls: it runs the tests, lets go of the shared server (the last process out stops
// it), fails the package if goroutines are left over, and exits.
func Main(m *testing.M) {
	goleak.VerifyTestMain(releasing{m},
		// Waits for the server that we started, which may go on for other test processes.
		goleak.IgnoreAnyFunction("github.com/studycall/studycall/postgres/embedded.(*postmaster).reap"))
}

// releasing puts the release between the tests and the search for goroutines.
type releasing struct{ m *testing.M }

func (r releasing) Run() int {
	code := r.m.Run()
	if err := theServer.close(); err != nil {
		fmt.Fprintln(os.Stderr, "releasing the shared test server:", err)
		return max(code, 1)
	}
	return code
}
