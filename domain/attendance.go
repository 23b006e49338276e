package domain

import "time"

// Stopwatch sums the intervals during which a state lasted. The zero value has never run.
type Stopwatch struct {
	// Total is the sum of the finished intervals, in whole milliseconds.
	Total time.Duration
	// Since is the start of the current interval; zero if the stopwatch does not run.
	Since time.Time
}

// Running reports whether an interval has begun and not ended.
func (w Stopwatch) Running() bool { return !w.Since.IsZero() }

// Seconds returns the sum of the finished intervals in whole seconds. Only the sum is rounded down.
func (w Stopwatch) Seconds() int64 { return Seconds(w.Total) }

// start begins an interval, unless the stopwatch runs: overlapping intervals count once.
func (w *Stopwatch) start(at time.Time) {
	if !w.Running() {
		w.Since = at
	}
}

// stop ends the current interval, if any.
func (w *Stopwatch) stop(at time.Time) {
	if w.Running() {
		w.Total += at.Sub(w.Since)
		w.Since = time.Time{}
	}
}

// Seconds converts a duration to the unit that clients get: whole seconds, rounded down.
func Seconds(d time.Duration) int64 { return int64(d / time.Second) }

// Attendance measures how long a participant was in the call, and in which states, over all stints. Muted, CameraOff and
// Sharing run only during a stint. A stint begins with microphone and camera on, and without screen share.
type Attendance struct {
	Present   Stopwatch
	Muted     Stopwatch
	CameraOff Stopwatch
	Sharing   Stopwatch
}

// Toggle is a state of a participant that is on or off during a stint.
type Toggle int

// The toggles. The participants' fields of the same names measure them.
const (
	Muted Toggle = iota
	CameraOff
	Sharing
)

// Toggle returns the stopwatch of a toggle.
func (a *Attendance) Toggle(t Toggle) *Stopwatch {
	return [...]*Stopwatch{&a.Muted, &a.CameraOff, &a.Sharing}[t]
}

// leave ends the stint, and with it the other three intervals.
func (a *Attendance) leave(at time.Time) {
	a.Present.stop(at)
	a.Muted.stop(at)
	a.CameraOff.stop(at)
	a.Sharing.stop(at)
}
