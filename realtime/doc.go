// Package realtime is the live side of a call: the sockets of the people in it, the rooms in which they meet, what they
// send each other, and what of it goes on the record. It carries out commands and asks who may; how bytes travel is the
// business of its packages websocket and socketio, and who is in a call by which connection that of presence.
//
// # Transports
//
// The web app's socket.io-client connects at /socket.io/; anything else may use a plain WebSocket at /ws, with the same
// events as JSON text frames: {"event":"…","data":{…},"ack":7} in, where ack may be left out; {"event":"…","data":{…}}
// and {"ack":7,"data":{…}} out. The first frame out is {"event":"connected","data":{"socketId":"…"}}. Everything below
// holds for both; here either is a client.
//
// # Order and delivery
//
// A client's messages are handled one at a time, in the order in which it sent them; clients do not wait for one another.
// What is told to a room reaches each of its members in the same order. Whoever has got a room's state is told of every
// change after it, and of none before. Offers, answers and candidates go from one member of a room to another,
// in order, untouched. All of this is at most once: what waits for a connection when it breaks is lost, and the client
// asks for the room's state by joining again. Nothing is left out while the connection stands; a client that takes its
// messages too slowly is disconnected.
//
// Toggles and leaves are told to the room at once and then recorded, each participant's in order, with the time at which
// they happened; the ack comes when that is durable. While the database is away they wait in memory. A toggle that the
// record refuses is taken back to what the record has, and the room is told so. A leave is tried again until it is
// recorded, whatever the database said; a share ends with the socket that shares.
//
// Who comes to a study and goes is told in the order in which the count changes, on each server for its own sockets.
//
// # Locks
//
// Under the lock of a room, or of the studies, state changes and what is told of it is encoded and put in line: memory alone,
// in proportion to the members (12 by default). Nothing is sent, read, written or waited for under it.
package realtime
