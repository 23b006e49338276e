// Package presence knows by which connections people are in their studies' calls, and records when they are out. It has
// the tables servers and connections, and issues the ordinary commands; sockets, rooms and messages are not its business.
//
// A lease is one row: one socket in one study's call, or a participant who joined over REST. While its server lives, a
// socket's lease keeps its user in the call. A lease that was lost, because the connection broke, does so for the grace
// time more; one of a server that has fallen silent for the grace time after it was last seen; a REST lease for the empty
// timeout after the latest join. After that it has lapsed. A participant all of whose leases have lapsed is out, as of the
// latest time at which any of them was heard of.
//
// # One at a time
//
// Whatever ends a stint (a leave, a sweep, a removal) does so under the participant's lock, a Postgres advisory lock, in one
// transaction with the leases that it takes away: it looks whether another lease is left, issues the command, and commits.
// Whatever begins one writes its lease under the same lock, and only then joins. So a join that meets a sweep waits until
// the leave is recorded and then begins a new stint; and a sweep that comes after the lease finds it and ends nothing. Row
// locks would not do: a participant without any lease has no row, and so no lock.
//
// A leave looks at other leases as they are: until that of a killed server has lapsed it counts as another connection, which
// keeps its user in the call. If nothing comes after it, the user has left at the time of the leave all the same.
//
// # Who may judge
//
// Leases are judged by the database's clock, and stints are stamped by the clock of the server that had the connection. A
// server sweeps only after its own contact with the database was unbroken for the whole grace time. So neither a restart of
// the database nor one of all servers ends the stint of anybody who is back within the grace time.
package presence
