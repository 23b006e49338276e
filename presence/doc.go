// Package presence is the only way into and out of a call, over REST and over sockets alike. It owns the leases (the tables
// servers and connections) and the order of lease and command. It knows no socket, room or message.
//
// A lease is one row: one socket in one study's call, or a participant who joined over REST. A lease keeps its user in the
// call until it lapses:
//   - A socket's lease lapses when its server has been silent for the grace time.
//   - The lease of a socket whose connection broke (a lost lease) lapses the grace time after the break.
//   - A REST lease lapses the empty timeout after the latest join.
//
// When all leases of a participant have lapsed, the sweep ends the stint, as of the latest time at which any of them was last
// seen.
//
// # Order of lease and command
//
//   - Join over a socket: start the session if none is open, write the lease and commit it, then issue the command. If the
//     session ended in between, start over. A refused join deletes its lease. If the outcome is unknown, the lease counts as
//     lost: a client that tries again in time is still in the call.
//   - Join over REST: write the lease, issue the command, commit the lease. A refused join leaves the leases unchanged.
//   - Leave over a socket: delete the lease, issue the command unless another connection is left, commit the deletion.
//   - Leave over REST: issue the command, then delete all leases that are not newer than the leave. The sockets' servers find
//     their leases missing and take the sockets out of the room: see Registry.Leases.
//   - Remove: delete all leases, issue the command, commit the deletion.
//   - Lose: mark the lease as lost. No command follows. The sweep issues it when the lease lapses.
//
// # The participant's lock
//
// A transaction holds the participant's lock, a Postgres advisory lock, while it changes the leases. Leave over a socket, Remove,
// the sweep and a join over REST issue their command under the lock. The event commits first: after a crash in between,
// reconcileCalls adds a missing lease, and the sweep deletes one that is left. A join that meets a sweep waits until the leave is
// recorded, and then begins a new stint; a sweep that comes after the lease finds it and ends nothing. Row locks would not do: a
// participant without a lease has no row to lock.
//
// A leave counts another lease as a connection until that lease lapses, even if its server was killed. If no connection follows,
// the user has left at the time of the leave all the same.
//
// # Which server may sweep
//
// The database's clock decides whether a lease has lapsed. The clock of the server that had the connection stamps the stint. A
// server sweeps only after its own contact with the database was unbroken for the whole grace time. So neither a restart of the
// database nor one of all servers ends the stint of a user who reconnects within the grace time.
package presence
