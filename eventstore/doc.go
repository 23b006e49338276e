// Package eventstore is the log: the immutable events of every study's calls, in Postgres, in one global order.
//
// Positions are 1, 2, 3 … in commit order, without gaps, whatever rolls back or commits late, so "everything after
// position p" is a complete answer at any moment, also after a dump and restore. Versions are 1, 2, 3 … within a
// stream; there is one stream per study.
//
// Guarantees. Append returns without an error only when the events are durable. Appends to one stream are checked
// against the expected version; a conflict writes nothing. Readers (ReadAll, Tail, Subscriber) see every event once, in
// order of position. An append whose outcome is unknown, because the connection broke during the commit, is an error;
// appending again with the same expected version is then safe: if the first one did commit, the second conflicts.
//
// The package may know domain's events, their stored names and shapes, and Postgres. It decides nothing.
package eventstore
