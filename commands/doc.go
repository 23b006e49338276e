// Package commands carries out what people want of a call: one file per command, each saying what it needs, who may,
// and what it answers. A command loads the study's Call, lets domain decide, and appends the events that come of it.
//
// An answer without an error means that what it says is durable. Every answer carries the position of the event that it
// rests on. Commands are idempotent as the contract asks: starting an open session, joining twice or leaving twice is
// no error and no event. Business times are given by the caller.
//
// The package may know domain and the event store; whom it asks about members it declares itself.
package commands
