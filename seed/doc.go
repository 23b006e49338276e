// Package seed makes up a past: studies, their members, and the events of the calls that they had, for trying the
// service out and for benchmarks.
//
// The same seed, number of sessions and date give the same past to the byte, on any machine; every event is one that the
// domain decided. The package is pure: no I/O and no clock; chance comes from the seed, in whole numbers only. It may know
// the domain, and nothing of where a past is kept.
package seed
