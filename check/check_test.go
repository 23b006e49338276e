package check_test

import (
	"errors"
	"testing"

	"github.com/studycall/studycall/check"
)

// failing is a testing.TB that records whether a check ended it.
type failing struct {
	testing.TB
	ended bool
}

func (f *failing) Helper()               {}
func (f *failing) Fatal(...any)          { f.ended = true }
func (f *failing) Fatalf(string, ...any) { f.ended = true }

func TestEventuallyWaitsForTheCondition(t *testing.T) {
	t.Parallel()
	calls := 0
	check.Eventually(t, "the third call", func() bool { calls++; return calls == 3 })
	if calls != 3 {
		t.Errorf("the condition was called %d times", calls)
	}
}

func TestAnErrorEndsTheTest(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, errors.New("broken")} {
		tb := &failing{TB: t}
		check.NoError(tb, err)
		if tb.ended != (err != nil) {
			t.Errorf("NoError(%v) ended the test: %v", err, tb.ended)
		}
		tb = &failing{TB: t}
		if value := check.Value(tb, 7, err); value != 7 || tb.ended != (err != nil) {
			t.Errorf("Value(%v) = %d, and ended the test: %v", err, value, tb.ended)
		}
	}
}
