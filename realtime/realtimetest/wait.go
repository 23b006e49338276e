package realtimetest

import (
	"testing"
	"time"
)

// Patience is longer than anything takes on a machine however slow.
const Patience = time.Minute

// Receive waits for what comes from a channel, and ends the test when nothing does.
func Receive[T any](tb testing.TB, from <-chan T) T {
	tb.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(Patience):
		tb.Fatalf("nothing came in %v", Patience)
		panic("unreachable")
	}
}
