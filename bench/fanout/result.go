package fanout

import (
	"slices"
	"time"
)

// Result is what came of a run.
type Result struct {
	Shape  Shape        `json:"shape"`
	Loads  []LoadResult `json:"loads"`
	Memory Memory       `json:"memory"`
}

// LoadResult is what came of one load.
type LoadResult struct {
	Load
	Rounds []Round `json:"rounds"`
	// The medians over the rounds: deliveries for each second of the servers' CPU time, the ratio of each round's two.
	Bare    float64 `json:"bare"`
	Program float64 `json:"program"`
	Ratio   float64 `json:"ratio"`
	// Deliveries is how many each of the servers made in all, of none lost.
	Deliveries int64 `json:"deliveries"`
}

// Round is both servers' share of a round.
type Round struct {
	Bare    Sample `json:"bare"`
	Program Sample `json:"program"`
}

// Sample is what one server did in a round, and what that took of its CPU time.
type Sample struct {
	Sent       int64         `json:"sent"`
	Deliveries int64         `json:"deliveries"`
	CPU        time.Duration `json:"cpuNs"`
	Took       time.Duration `json:"tookNs"`
}

// Rate is deliveries per second of CPU time.
func (s Sample) Rate() float64 { return float64(s.Deliveries) / s.CPU.Seconds() }

// PerMessage is the CPU time for each message sent.
func (s Sample) PerMessage() time.Duration { return s.CPU / time.Duration(max(s.Sent, 1)) }

// Memory is what an idle connection takes, in bytes that are resident.
type Memory struct {
	Bare      int64 `json:"bare"`
	Connected int64 `json:"connected"` // to the program, and in no room
	InRoom    int64 `json:"inRoom"`
}

// Load is the result of the load with the name and the burst, nil if it was not measured.
func (r *Result) Load(name string, burst int) *LoadResult {
	for i := range r.Loads {
		if r.Loads[i].Name == name && r.Loads[i].Burst == burst {
			return &r.Loads[i]
		}
	}
	return nil
}

// PerMessage is the median of the CPU time that the program took for each message sent.
func (l *LoadResult) PerMessage() time.Duration {
	times := make([]float64, len(l.Rounds))
	for i, r := range l.Rounds {
		times[i] = float64(r.Program.PerMessage())
	}
	return time.Duration(median(times))
}

func newLoadResult(l Load, rounds []Round) LoadResult {
	result := LoadResult{Load: l, Rounds: rounds}
	var bare, program, ratios []float64
	for _, r := range rounds {
		bare, program = append(bare, r.Bare.Rate()), append(program, r.Program.Rate())
		ratios = append(ratios, r.Program.Rate()/r.Bare.Rate())
		result.Deliveries += r.Bare.Deliveries + r.Program.Deliveries
	}
	result.Bare, result.Program, result.Ratio = median(bare), median(program), median(ratios)
	return result
}

// median is the middle one, or the mean of the middle two.
func median(of []float64) float64 {
	slices.Sort(of)
	middle := len(of) / 2
	if len(of)%2 == 1 {
		return of[middle]
	}
	return (of[middle-1] + of[middle]) / 2
}
