package main

import (
	"testing"
	"time"
)

// interval is an interval as a client measures it: it began between beginAfter and beginBefore, and ended between endAfter
// and endBefore.
type interval struct{ beginAfter, beginBefore, endAfter, endBefore time.Time }

// beginInterval returns an interval that begins with an action.
func beginInterval(action func()) (s interval) {
	s.beginAfter = time.Now()
	action()
	s.beginBefore = time.Now()
	return s
}

// end ends the interval with an action.
func (s *interval) end(action func()) {
	s.endAfter = time.Now()
	action()
	s.endBefore = time.Now()
}

// endWithin ends the interval at a time between two instants.
func (s *interval) endWithin(after, before time.Time) { s.endAfter, s.endBefore = after, before }

// until returns the interval from the beginning of s to the end of another interval.
func (s interval) until(end interval) interval {
	return interval{s.beginAfter, s.beginBefore, end.endAfter, end.endBefore}
}

// clock is the largest difference between the record's clock and the test's. Recorded times are in whole milliseconds.
const clock = 5 * time.Millisecond

// bounds returns the shortest and the longest possible duration of the interval.
func (s interval) bounds() (least, most time.Duration) {
	return max(0, s.endAfter.Sub(s.beginBefore)-clock), s.endBefore.Sub(s.beginAfter) + clock
}

// mustBe fails the test unless the recorded seconds are the duration of the interval, rounded down.
func (s interval) mustBe(t *testing.T, name string, recorded int64) {
	t.Helper()
	least, most := s.bounds()
	if floored := time.Duration(recorded) * time.Second; floored > most || floored+time.Second <= least {
		t.Errorf("%s: the record has %d s, want %v to %v", name, recorded, least, most)
	}
}
