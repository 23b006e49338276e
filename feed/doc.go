// Package feed streams the event log to subscribers: a study's events over a WebSocket, each as a JSON text frame, first those
// that the log holds after a position, then new ones. It also passes every new event to one observer in this server. The caller
// decides who may subscribe.
//
// A subscriber gets each event of its study after the position exactly once, in the order of the log, without a gap between old
// and new events. A subscriber that remembers the last position it got can resume.
//
// One goroutine follows the log for all subscribers, and encodes an event once for all of them. Old events are read from the
// study's own stream, at the pace at which the subscriber takes them. A subscriber that is too slow for new events is closed
// with closecode.TooSlow.
package feed
