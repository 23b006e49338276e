// Package websocket carries messages over WebSockets for all who need them: Socket.IO, the plain socket and the event
// feed. It knows frames, queues, deadlines and close codes, and nothing of what the messages say.
//
// Melody is underneath: it upgrades, reads, pings, and wakes the one goroutine that writes. What waits for a socket
// waits here, in a queue bounded in messages and bytes, and is written in one system call when that goroutine runs
// (gather.go). A large frame for a connection for which nothing waits is written at once, by whoever sends it (direct.go),
// who never waits for the network. Nothing is ever dropped silently: a receiver that lets its queue fill up is closed with TooSlow.
//
// Order: frames reach the peer in the order of Send; those of one Send stand together. Messages of one connection are
// handed to its Handler one at a time, in order. Text is always valid UTF-8: what is not closes its sender, and so never
// reaches a browser, which would hang up on us for it.
package websocket
