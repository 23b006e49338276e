// Package domain is what a study group's call is: its events, the Call aggregate that decides and evolves, the
// arithmetic of attendance, roles, and the errors that clients see.
//
// It is pure. There is no I/O here, no clock, no randomness and no import of ours: times and new ids arrive in the
// commands, so the same events always fold to the same state. Business times are UTC in whole milliseconds.
package domain
