// Package realtime holds the sockets of the participants, the rooms in which they meet, the messages between
// them, and what of it is recorded. The packages websocket and socketio carry the bytes. The package presence decides who is in a
// call by which connection.
//
// # Files
//
// handle.go lists what clients may send. A handler (handle_*.go) parses a message, calls one method of the room, and records. What
// changes a room is in room*.go alone, and no other file takes a room's lock. announcer.go handles the new events of the log.
// permissions.go and reconcile.go repeat the checks of connected users, leases and remote peers.
//
// # Transports
//
// The web app's socket.io-client connects at /socket.io/. Other clients may use a plain WebSocket at /ws, with the same events as JSON
// text frames: {"event":"…","data":{…},"ack":7} in, where ack is optional; {"event":"…","data":{…}} and {"ack":7,"data":{…}} out. The
// first frame out is {"event":"connected","data":{"socketId":"…"}}. The rest of this page holds for both.
//
// # Order and delivery
//
// A client's messages are handled one at a time, in the order in which it sent them. Clients do not wait for one another. All members
// of a room get what is published to it in the same order. A client that has received a room's state receives every later change and
// no earlier one. Offers, answers and candidates are relayed from one member to another in order, byte for byte.
//
// Delivery is at most once: what waits for a connection when it breaks is lost, and the client gets the room's state by joining again.
// Nothing is dropped while the connection stands. A client that reads too slowly is disconnected.
//
// Toggles and leaves are published at once and then recorded, in order for each participant, with the time at which they happened. The
// ack follows when the record is durable. While the database is unavailable, records wait in memory. A refused toggle is reverted to
// the recorded value, and the revert is published. A leave is retried until it is recorded. A share ends with the socket that shares.
//
// A lobby's online count is published in the order in which it changes. Each server counts its own sockets.
//
// # Locks
//
// Under the lock of a room, or of the lobbies, state changes, and the messages about it are encoded and queued: memory alone, in
// proportion to the members (12 by default). Nothing is sent, read, written or waited for under it. The lock of rooms is taken before
// that of a room, and that of a room before those of a client and of the queue.
package realtime
