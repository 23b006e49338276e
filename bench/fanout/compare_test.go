package fanout

import (
	"testing"
	"time"
)

func TestResultsAreMediansOverRounds(t *testing.T) {
	t.Parallel()
	round := func(bare, program int64) Round {
		return Round{
			Bare:    Sample{Deliveries: bare, CPU: time.Second},
			Program: Sample{Deliveries: program, Sent: program / 2, CPU: time.Second},
		}
	}
	got := newLoadResult(Load{Name: "relay"}, []Round{round(100, 50), round(10, 20), round(40, 40)})
	if got.Bare != 40 || got.Program != 40 || got.Ratio != 1 || got.Deliveries != 260 || got.PerMessage() != 50*time.Millisecond {
		t.Errorf("got %+v, %v per message", got, got.PerMessage())
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("the median of four is %v, want 2.5", got)
	}
}
