// Package engineio speaks the Engine.IO protocol, revision 4: sessions that carry messages over HTTP long-polling or a
// WebSocket, change from the one to the other, and beat to notice when either side is gone. It knows nothing of what
// the messages say; package socketio does.
package engineio
