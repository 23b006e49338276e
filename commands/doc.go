// Package commands carries out the commands to a study's call. A command loads the study's Call, lets domain decide, and appends
// the resulting events. There is one file per command; handlers.go holds what they share.
//
// A result without an error is durable. Every result carries the position of the event that it rests on. Commands are
// idempotent: starting an open session, joining twice or leaving twice is no error and appends no event. Callers pass the
// business times.
package commands
