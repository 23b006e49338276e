// Package socketio speaks the Socket.IO protocol, revision 5, to clients such as socket.io-client 4: namespaces, events, acks in
// both directions, binary attachments. It knows nothing of the content of events. Package engineio carries its packets over HTTP
// long-polling and WebSockets.
//
// Arguments are JSON texts and are passed on byte for byte: they are never decoded into values and encoded again.
//
// Order: the events of a socket are handled one at a time, in the order in which the client emitted them, and never while Connect,
// Connected or Disconnected of the socket runs. Packets reach the client in the order of Send. A packet is delivered at most once:
// packets that wait when the connection breaks are lost, and none is dropped while it stands. With Config.Recovery, a client that comes
// back in time also receives, in order, what was sent while its connection was broken.
//
// CORS headers of polling answers are left to a middleware of the caller.
package socketio
