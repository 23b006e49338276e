// Package websocket carries messages over WebSockets (RFC 6455). It knows frames, queues, deadlines and close codes. It knows
// nothing of the content of messages.
//
// Melody is underneath: it upgrades requests, reads, pings, and runs one writing goroutine per connection. The package keeps the
// frames that wait for a connection in a queue of its own, bounded in messages and bytes. One flusher for all connections writes
// the queues without blocking, several frames in one system call (writer.go). What the network does not take at once is left to
// the connection's writing goroutine, which may block (wire.go). No frame is ever dropped silently: a peer whose queue fills up is
// closed with Codes.TooSlow.
//
// Order: frames reach the peer in the order of Send. The frames of one Send follow each other directly. Messages of one
// connection are passed to its Handler one at a time, in order. Text is always valid UTF-8: a peer that sends other text is closed.
package websocket
