// Package check holds the few assertions that tests of all packages share. Only tests import it. It imports no package of this repository.
package check

import (
	"testing"
	"time"
)

const (
	// Timeout is how long Eventually and Receive wait. It is far above what any condition needs, so that a busy machine fails no
	// test.
	Timeout = time.Minute
	// interval is the pause between two evaluations of a condition.
	interval = 2 * time.Millisecond
)

// Eventually waits until condition is true, and fails the test after a minute. What names the condition in the failure.
// The condition is called by the test's goroutine.
func Eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	deadline := time.Now().Add(Timeout)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for !condition() {
		if time.Now().After(deadline) {
			tb.Fatalf("not within %s: %s", Timeout, what)
		}
		<-ticker.C
	}
}

// NoError ends the test if err is not nil.
func NoError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Value ends the test if err is not nil, and else returns the value.
func Value[T any](tb testing.TB, value T, err error) T {
	tb.Helper()
	NoError(tb, err)
	return value
}

// Receive waits for a value from a channel, and fails the test after a minute.
func Receive[T any](tb testing.TB, from <-chan T) T {
	tb.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(Timeout):
		tb.Fatalf("nothing was received within %s", Timeout)
		panic("unreachable")
	}
}
