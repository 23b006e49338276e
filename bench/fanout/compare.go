package fanout

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Plan is what to measure.
type Plan struct {
	Shape  Shape
	Rounds int              // medians are taken over the rounds
	Each   time.Duration    // of load per server and round
	Done   func(rounds int) // reports completed rounds; it is called with 1 after each
}

// Servers are the two servers that are compared. The program's database must hold the users and studies of UserID and StudyID.
type Servers struct{ Bare, Program *Process }

// Result is the result of a run.
type Result struct {
	Shape  Shape        `json:"shape"`
	Loads  []LoadResult `json:"loads"`
	Memory Memory       `json:"memory"`
}

// Memory is the resident memory of an idle connection, in bytes.
type Memory struct {
	Bare      int64 `json:"bare"`
	Connected int64 `json:"connected"` // to the program, in no room
	InRoom    int64 `json:"inRoom"`
}

// LoadResult is the result of one load. Bare and Program are medians over the rounds, of deliveries per second of the server's CPU
// time. Ratio is the median of the rounds' ratios.
type LoadResult struct {
	Load
	Rounds     []Round `json:"rounds"`
	Bare       float64 `json:"bare"`
	Program    float64 `json:"program"`
	Ratio      float64 `json:"ratio"`
	Deliveries int64   `json:"deliveries"` // of both servers in all rounds
}

// Round holds the samples of one round.
type Round struct {
	Bare    Sample `json:"bare"`
	Program Sample `json:"program"`
}

// Sample is the work of one server in a round, and its CPU time.
type Sample struct {
	Sent       int64         `json:"sent"`
	Deliveries int64         `json:"deliveries"`
	CPU        time.Duration `json:"cpuNs"`
	Took       time.Duration `json:"tookNs"`
}

// rate is deliveries per second of CPU time.
func (s Sample) rate() float64 { return float64(s.Deliveries) / s.CPU.Seconds() }

// side is one of the servers with its clients.
type side struct {
	*fleet
	process *Process
	opened  int64 // memory of a connection, in bytes
	joined  int64 // memory of a connection in a room
}

// Compare measures both servers. A lost, duplicate or reordered delivery is an error.
func Compare(ctx context.Context, servers Servers, plan Plan) (Result, error) {
	bareSide := &side{fleet: newFleet(bare{}, plan.Shape), process: servers.Bare}
	programSide := &side{fleet: newFleet(program{}, plan.Shape), process: servers.Program}
	for _, s := range []*side{bareSide, programSide} {
		defer s.close()
		if err := s.connect(ctx, plan.Shape); err != nil {
			return Result{}, err
		}
	}
	result := Result{
		Shape:  plan.Shape,
		Memory: Memory{Bare: bareSide.joined, Connected: programSide.opened, InRoom: programSide.joined},
	}
	for _, l := range Loads() {
		rounds, err := compare(ctx, l, bareSide, programSide, plan)
		if err != nil {
			return Result{}, err
		}
		result.Loads = append(result.Loads, newLoadResult(l, rounds))
	}
	return result, programSide.leave(ctx)
}

// connect connects all clients, makes them join their rooms, and measures the memory of both.
func (s *side) connect(ctx context.Context, shape Shape) error {
	var memory [3]int64
	for i, step := range []func() error{
		func() error { return nil },
		func() error { return s.open(ctx, s.process.address, shape.Peers) },
		func() error { return s.join(ctx) },
	} {
		if err := step(); err != nil {
			return err
		}
		used, err := s.process.used(askMemory)
		if err != nil {
			return err
		}
		memory[i] = used.Memory
	}
	connections := int64(shape.Rooms * shape.Peers)
	s.opened, s.joined = (memory[1]-memory[0])/connections, (memory[2]-memory[0])/connections
	return nil
}

// compare loads the servers in turn. The order alternates from round to round, so that other work on the machine affects both.
func compare(ctx context.Context, l Load, bareSide, programSide *side, plan Plan) ([]Round, error) {
	for _, s := range []*side{bareSide, programSide} { // warm up
		if _, _, err := s.run(ctx, l, plan.Each/4); err != nil {
			return nil, err
		}
	}
	rounds := make([]Round, plan.Rounds)
	for i := range rounds {
		order := []*side{bareSide, programSide}
		if i%2 == 1 {
			slices.Reverse(order)
		}
		for _, s := range order {
			sample := &rounds[i].Bare
			if s == programSide {
				sample = &rounds[i].Program
			}
			var err error
			if *sample, err = s.sample(ctx, l, plan.Each); err != nil {
				return nil, fmt.Errorf("round %d: %w", i+1, err)
			}
		}
		plan.Done(1)
	}
	return rounds, nil
}

func (s *side) sample(ctx context.Context, l Load, duration time.Duration) (Sample, error) {
	before, err := s.process.used(askCPU)
	if err != nil {
		return Sample{}, err
	}
	sample, start := Sample{}, time.Now()
	if sample.Sent, sample.Deliveries, err = s.run(ctx, l, duration); err != nil {
		return Sample{}, err
	}
	sample.Took = time.Since(start)
	after, err := s.process.used(askCPU)
	sample.CPU = after.CPU - before.CPU
	return sample, err
}

func newLoadResult(l Load, rounds []Round) LoadResult {
	result := LoadResult{Load: l, Rounds: rounds}
	var bare, program, ratios []float64
	for _, r := range rounds {
		bare, program = append(bare, r.Bare.rate()), append(program, r.Program.rate())
		ratios = append(ratios, r.Program.rate()/r.Bare.rate())
		result.Deliveries += r.Bare.Deliveries + r.Program.Deliveries
	}
	result.Bare, result.Program, result.Ratio = median(bare), median(program), median(ratios)
	return result
}

// Load returns the result of the load with the name and the burst, or nil.
func (r *Result) Load(name string, burst int) *LoadResult {
	i := slices.IndexFunc(r.Loads, func(l LoadResult) bool { return l.Name == name && l.Burst == burst })
	if i < 0 {
		return nil
	}
	return &r.Loads[i]
}

// PerMessage is the median over the rounds of the program's CPU time per message sent.
func (l *LoadResult) PerMessage() time.Duration {
	times := make([]float64, len(l.Rounds))
	for i, r := range l.Rounds {
		times[i] = float64(r.Program.CPU / time.Duration(max(r.Program.Sent, 1)))
	}
	return time.Duration(median(times))
}

// median is the middle value, or the mean of the two middle values. It sorts the values.
func median(values []float64) float64 {
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}
