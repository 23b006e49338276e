// Package engineio speaks the Engine.IO protocol, revision 4: sessions that carry messages over HTTP long-polling or a WebSocket,
// upgrade from polling to a WebSocket, and send heartbeats to notice a lost peer. It knows nothing of the content of messages;
// package socketio is on top of it.
package engineio
