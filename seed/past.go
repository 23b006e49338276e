package seed

import (
	"fmt"
	"iter"
	"time"

	"github.com/studycall/studycall/domain"
)

// MaxSessions is how many sessions a study can have: one every half hour of ten years.
const MaxSessions = maxWeeks * 7 * 24 * 2

// Past says which past it is. Two that differ in the seed have no id in common.
type Past struct {
	Seed uint64
	// Sessions is how many each study had, 1 to MaxSessions.
	Sessions int
	// Until is midnight in the time zone by which people meet in the evening. Everything has ended before.
	Until time.Time
}

// What the chances of a study are for: its members do not change with what its sessions draw.
const (
	ofMembers = iota
	ofSessions
)

// Study is a study of the past, and who was in it.
type Study struct {
	ID      string
	Name    string
	Members []Member

	number int
	past   Past
}

// Study is the past's n-th study, from 1 on; there are as many as one asks for.
func (p Past) Study(n int) Study {
	ids := "seed"
	if p.Seed != 0 {
		ids = fmt.Sprintf("seed-%d", p.Seed)
	}
	return Study{
		ID:      fmt.Sprintf("%s-study-%d", ids, n),
		Name:    studyName(n),
		Members: members(newChance(p.Seed, n, ofMembers), fmt.Sprintf("%s-user-%d", ids, n)),
		number:  n,
		past:    p,
	}
}

// Sessions are the study's sessions in order, each with all its events in the order in which they were recorded. Only
// one is held at a time.
func (s Study) Sessions() iter.Seq[[]domain.Event] {
	return func(yield func([]domain.Event) bool) {
		c := newChance(s.past.Seed, s.number, ofSessions)
		var call domain.Call
		held := 0
		for slot := range slots(c, s.past.Sessions, s.past.Until) {
			came := attendees(c, s.Members, held >= s.past.Sessions/2)
			if !yield(meet(c, &call, slot, came)) {
				return
			}
			held++
		}
	}
}
