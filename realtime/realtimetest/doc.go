// Package realtimetest is a client for tests of the sockets: it speaks just enough Socket.IO, or the plain WebSocket's
// frames, to be somebody in a call, and waits for what it is to be told. What the real socket.io-client does is tested with
// that.
package realtimetest
