package seed_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets -short run fewer checks of each law.
func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		_ = flag.Set("rapid.checks", "10")
	}
	os.Exit(m.Run())
}
