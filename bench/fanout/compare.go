package fanout

import (
	"context"
	"fmt"
	"time"
)

// Plan is what to measure.
type Plan struct {
	Shape  Shape
	Rounds int           // of which medians are taken
	Each   time.Duration // how long each server is loaded in a round
	// Done is told how many rounds are done of all loads together.
	Done func(rounds int)
}

// Servers are the two that are compared.
type Servers struct{ Bare, Program *Process }

// side is one of the servers with its clients.
type side struct {
	*fleet
	process *Process
	opened  int64 // bytes that an idle connection takes
	joined  int64 // the same in a room
}

// Compare measures both servers. Of the program's, the users and studies that UserID and StudyID name must exist. The error
// says which delivery was lost, if one was.
func Compare(ctx context.Context, servers Servers, plan Plan) (Result, error) {
	bareSide := &side{fleet: newFleet(bare{}, plan.Shape), process: servers.Bare}
	programSide := &side{fleet: newFleet(program{}, plan.Shape), process: servers.Program}
	for _, s := range []*side{bareSide, programSide} {
		defer s.hangUp()
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

// connect brings all clients into their rooms, and sees what that takes of memory.
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
	connections := int64(shape.Connections())
	s.opened, s.joined = (memory[1]-memory[0])/connections, (memory[2]-memory[0])/connections
	return nil
}

// compare loads the servers in turn; which comes first alternates, so that what else the machine does meanwhile falls on both.
func compare(ctx context.Context, l Load, bareSide, programSide *side, plan Plan) ([]Round, error) {
	for _, s := range []*side{bareSide, programSide} { // to warm up
		if _, _, err := s.run(ctx, l, plan.Each/4); err != nil {
			return nil, err
		}
	}
	rounds := make([]Round, plan.Rounds)
	for i := range rounds {
		order := []*side{bareSide, programSide}
		if i%2 == 1 {
			order[0], order[1] = order[1], order[0]
		}
		for _, s := range order {
			sample, err := s.sample(ctx, l, plan.Each)
			if err != nil {
				return nil, fmt.Errorf("round %d: %w", i+1, err)
			}
			if s == bareSide {
				rounds[i].Bare = sample
			} else {
				rounds[i].Program = sample
			}
		}
		plan.Done(1)
	}
	return rounds, nil
}

func (s *side) sample(ctx context.Context, l Load, long time.Duration) (Sample, error) {
	before, err := s.process.used(askCPU)
	if err != nil {
		return Sample{}, err
	}
	began := time.Now()
	sent, deliveries, err := s.run(ctx, l, long)
	if err != nil {
		return Sample{}, err
	}
	took := time.Since(began)
	after, err := s.process.used(askCPU)
	return Sample{Sent: sent, Deliveries: deliveries, CPU: after.CPU - before.CPU, Took: took}, err
}
