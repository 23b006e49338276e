package seed

import (
	"fmt"
	"iter"
	"time"

	"github.com/studycall/studycall/domain"
)

// MaxSessions is the largest number of sessions of a study: one every half hour of ten years.
const MaxSessions = maxWeeks * 7 * 24 * 2

// Past identifies a past. Pasts with different seeds have no id in common.
type Past struct {
	Seed uint64
	// Sessions is the number of sessions of each study, 1 to MaxSessions.
	Sessions int
	// Until is midnight in the users' time zone, where studies meet in the evening. All sessions end before it.
	Until time.Time
}

// Topics of a study's random numbers: its members do not depend on its sessions.
const (
	memberTopic = iota
	sessionTopic
)

// Study is a study of the past, with its members.
type Study struct {
	ID      string
	Name    string
	Members []Member

	number int
	past   Past
}

// Study returns the past's n-th study, from 1; the number of studies is unlimited.
func (p Past) Study(n int) Study {
	ids := "seed"
	if p.Seed != 0 {
		ids = fmt.Sprintf("seed-%d", p.Seed)
	}
	return Study{
		ID:      fmt.Sprintf("%s-study-%d", ids, n),
		Name:    studyName(n),
		Members: members(newRandom(p.Seed, n, memberTopic), fmt.Sprintf("%s-user-%d", ids, n)),
		number:  n,
		past:    p,
	}
}

// Sessions returns the study's sessions in order, each with its events in the order of the log. Only one is in memory at a time.
func (s Study) Sessions() iter.Seq[[]domain.Event] {
	return func(yield func([]domain.Event) bool) {
		r := newRandom(s.past.Seed, s.number, sessionTopic)
		var call domain.Call
		count := 0
		for slot := range slots(r, s.past.Sessions, s.past.Until) {
			users := attendees(r, s.Members, count >= s.past.Sessions/2)
			if !yield(session(r, &call, slot, users)) {
				return
			}
			count++
		}
	}
}
