// Package socketio speaks the Socket.IO protocol, revision 5, to clients such as socket.io-client 4: namespaces, events,
// acks both ways, binary attachments. It serves any namespaces and events and knows nothing of calls and studies. Below
// it, package engineio carries the packets over HTTP long-polling and WebSockets.
//
// Arguments stay the JSON that they came as, byte for byte: nothing is decoded into values and encoded again.
//
// Order: a socket's events are handled one at a time, in the order in which the client emitted them, and never while its
// Connect, Connected or Disconnected runs. Packets reach the client in the order of Send. A packet is delivered at most
// once: what waits when the connection breaks is lost, and nothing is dropped while it stands.
//
// CORS headers on polling answers are the caller's, in a middleware around ServeHTTP.
package socketio
