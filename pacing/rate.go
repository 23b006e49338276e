package pacing

import "golang.org/x/time/rate"

// Rate limits how much may come in: PerSecond in the long run, and Burst at once. A Rate with nothing per second is no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Limiter makes a token bucket of the rate, which is full. It has room for one token at least.
func (r Rate) Limiter() *rate.Limiter {
	if r.PerSecond <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(r.PerSecond), max(r.Burst, 1))
}
