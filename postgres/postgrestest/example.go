package postgrestest

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
)

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
