package domain

import "time"

// Stopwatch sums the stretches of time during which something was going on. The zero value has never run.
type Stopwatch struct {
	// Total is the sum of the finished stretches, in whole milliseconds.
	Total time.Duration
	// Since is when the stretch that goes on began; zero when none does.
	Since time.Time
}

// Running reports whether a stretch goes on.
func (w Stopwatch) Running() bool { return !w.Since.IsZero() }

// Seconds is the sum of the finished stretches in whole seconds, floored once.
func (w Stopwatch) Seconds() int64 { return Seconds(w.Total) }

// start begins a stretch, unless one goes on: overlapping stretches count once.
func (w *Stopwatch) start(at time.Time) {
	if !w.Running() {
		w.Since = at
	}
}

// stop ends the stretch that goes on, if any.
func (w *Stopwatch) stop(at time.Time) {
	if w.Running() {
		w.Total += at.Sub(w.Since)
		w.Since = time.Time{}
	}
}

// Seconds is a duration as the contract gives it to clients: whole seconds, floored.
func Seconds(d time.Duration) int64 { return int64(d / time.Second) }

// Attendance is how long a participant was in the call, and in what state: the sum over the stints. Muted, CameraOff
// and Sharing run only inside a stint, which begins with microphone and camera on and no sharing.
type Attendance struct {
	Present   Stopwatch
	Muted     Stopwatch
	CameraOff Stopwatch
	Sharing   Stopwatch
}

// leave ends the stint and with it the other three.
func (a *Attendance) leave(at time.Time) {
	a.Present.stop(at)
	a.Muted.stop(at)
	a.CameraOff.stop(at)
	a.Sharing.stop(at)
}
