package main

import (
	"testing"
	"time"
)

// stretch is how long something lasted, as far as it can be told from outside: it began between before and begun, and
// ended between ending and over.
type stretch struct{ before, begun, ending, over time.Time }

// beginning is a stretch that begins by what is done.
func beginning(by func()) (s stretch) {
	s.before = time.Now()
	by()
	s.begun = time.Now()
	return s
}

// ends has the stretch end by what is done.
func (s *stretch) ends(by func()) {
	s.ending = time.Now()
	by()
	s.over = time.Now()
}

// endsWithin has the stretch end at some time between two moments.
func (s *stretch) endsWithin(ending, over time.Time) { s.ending, s.over = ending, over }

// until is the stretch from the beginning of one to the end of another.
func (s stretch) until(end stretch) stretch { return stretch{s.before, s.begun, end.ending, end.over} }

// clock is how far apart the record's clock and ours may be: times are on record in whole milliseconds.
const clock = 5 * time.Millisecond

// lasted is how long the stretch was, at least and at most.
func (s stretch) lasted() (least, most time.Duration) {
	return max(0, s.ending.Sub(s.begun)-clock), s.over.Sub(s.before) + clock
}

// mustBe wants the seconds on record to be the stretch's, floored.
func (s stretch) mustBe(t *testing.T, what string, recorded int64) {
	t.Helper()
	least, most := s.lasted()
	if floored := time.Duration(recorded) * time.Second; floored > most || floored+time.Second <= least {
		t.Errorf("%s: %d s are on record, and it was %v to %v", what, recorded, least, most)
	}
}
