// Package embedded runs the Postgres that studycall uses when no other database is named: it finds (or downloads) the
// binaries, creates the data, starts the server, watches it, and stops it when nobody uses it any more.
//
// # A data directory
//
//	data/            the database cluster; appears whole or not at all (initdb runs in data.new-*, then a rename)
//	run/             the Unix socket, the only way in (a short folder for temporary files instead, if the path is too long)
//	postgres.log     what the server says
//	postgres-17.5.0/ downloaded binaries, when the machine had none
//	*.lock           see below
//
// # Sharing
//
// Any number of processes may have one directory open; they use one server. Three locks, held by flock(2) so that the
// kernel lets go of them however a process ends, keep them apart:
//
//   - start.lock, exclusive and short, around every start, adoption and stop of the server;
//   - users.lock, shared, as long as a process has the server open. The one that can make it exclusive (under start.lock)
//     is the last user and stops the server;
//   - serve.lock, exclusive, for the one process that opened the directory with Options.Exclusive.
//
// The server is in a session of its own, so neither Ctrl-C in a terminal nor the death of the process that started it
// ends it: whoever opens the directory next finds it running and adopts it, with the settings that it was started with.
//
// It may know Postgres and the operating system, and nothing of what is stored.
package embedded
