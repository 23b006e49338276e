package seed

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
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

// random draws whole numbers only, because floating point may round differently on another machine.
type random struct{ *rand.Rand }

// newRandom returns the random source for one topic of one study.
func newRandom(seed uint64, study int, topic uint64) random {
	return random{rand.New(rand.NewPCG(seed, uint64(study)<<8|topic))} //nolint:gosec // it must be reproducible
}

// percent returns true with a probability of p in 100.
func (r random) percent(p int) bool { return r.IntN(100) < p }

// between returns a duration from low up to, but not including, high, in whole milliseconds.
func (r random) between(low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64((high-low)/time.Millisecond)))*time.Millisecond
}

// id returns a new id: 128 bits, so that it is unique, in the format of the service's own ids, so that indexes behave as with those.
func (r random) id() string {
	var bits [16]byte
	binary.BigEndian.PutUint64(bits[:8], r.Uint64())
	binary.BigEndian.PutUint64(bits[8:], r.Uint64())
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(bits[:])
}
