// Package feed streams the log to whoever subscribes: a study's events over a WebSocket, each a JSON text frame, first what
// is in the log after a position, then what comes. It also hands every new event to whoever else on this server wants to
// hear of it. Who may subscribe is its caller's business.
//
// A subscriber gets each event of its study exactly once, in the order of the log, from the position on that it named: there
// is no seam between what was there and what comes. A position is all that a subscriber has to remember to resume.
//
// One goroutine follows the log for all subscribers, and encodes an event once for all of them. What was there before is
// read from the study's own stream, at the pace at which the subscriber takes it. A subscriber that does not keep up with
// what comes is closed with TooSlow, and resumes from the last position it has.
package feed
