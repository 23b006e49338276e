// Package seed generates a past: studies, their members, and the events of their calls, for trying out the service and for
// benchmarks.
//
// The same seed, number of sessions and date give the same past to the byte, on any machine. Every event is decided by the domain.
// The package is pure: no I/O and no clock, and random numbers come from the seed. It may import the domain, and does not know where
// a past is stored.
package seed
