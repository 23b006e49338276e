// Package eventstore is the log: the immutable events of every study's calls, in Postgres, in one global order.
//
// Positions are 1, 2, 3 … in commit order, without gaps, also after rollbacks, late commits, and a dump and restore. So the
// events after position p, read at any moment, are complete: no lower position appears later. Versions are 1, 2, 3 … within
// a stream. There is one stream per study.
//
// Guarantees. Append returns without an error only when the events are durable. Append checks the expected version of the
// stream; a conflict writes nothing. Readers (ReadAll, Tail, Subscriber) return every event once, in order of position. If
// the connection breaks during a commit, Append returns an error and its outcome is unknown. Appending again with the same
// expected version is then safe: if the first append was committed, the second one conflicts.
//
// The package may know the events of package domain, their stored names and shapes, and Postgres. It makes no decisions.
package eventstore
