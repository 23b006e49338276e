// Package embedded runs the Postgres that studycall uses when no other database is named. It finds (or downloads) the
// binaries, creates the data, starts the server, restarts it after a crash, and stops it with its last user.
//
// # A data directory
//
//	data/            the database cluster; appears whole or not at all (initdb runs in data.new-*, then a rename)
//	run/             the Unix socket, the only way in (a short folder below /tmp instead, if the path is too long)
//	postgres.log     the server's log
//	postgres-17.5.0/ downloaded binaries, when the machine had none
//	*.lock           see below
//
// # Sharing
//
// Any number of processes may have one directory open. They use one server. Three locks keep them apart. They are held with
// flock(2), so the kernel releases them however a process ends:
//
//   - start.lock, exclusive and short, around every start and stop of the server;
//   - users.lock, shared, as long as a process has the directory open. The process that can make it exclusive (under
//     start.lock) is the last user and stops the server;
//   - serve.lock, exclusive, for the one process that opened the directory with Options.Exclusive.
//
// The server runs in a session of its own, so neither Ctrl-C in a terminal nor the death of the process that started it
// ends it. The next process that opens the directory uses the running server, with the settings it was started with.
//
// The package knows Postgres and the operating system, and nothing of what is stored.
package embedded
