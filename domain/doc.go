// Package domain models a study group's call: its events, the Call aggregate that decides and evolves, the arithmetic of
// attendance, roles, and the errors that clients see.
//
// The package is pure: it has no I/O, no clock, no randomness, and imports no other package of this module. Times and new
// ids arrive in the commands, so the same events always fold to the same state. Business times are UTC in whole
// milliseconds.
package domain
