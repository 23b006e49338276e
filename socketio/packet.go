package socketio

import (
	"encoding/json"

	"github.com/studycall/studycall/socketio/engineio"
)

// The kinds of packets (Socket.IO protocol, "Packet types").
const (
	kindConnect      = 0
	kindDisconnect   = 1
	kindEvent        = 2
	kindAck          = 3
	kindConnectError = 4
	kindBinaryEvent  = 5
	kindBinaryAck    = 6
)

// mainNamespace is the one that packets without a namespace belong to.
const mainNamespace = "/"

// Packet is encoded once, to be sent to any number of sockets of its namespace. It is never changed.
type Packet struct{ messages []engineio.Message } // the header with the JSON, then the attachments

// received is a packet of a client's. It shares memory with the message that it was decoded from.
type received struct {
	kind        byte // events and acks with attachments are kindEvent and kindAck
	namespace   string
	id          uint64 // of the ack
	hasID       bool
	attachments int               // how many binary messages follow
	data        json.RawMessage   // nil if the packet has none
	list        []json.RawMessage // data of an event (its name included) or an ack, taken apart
	event       string            // the event's name
	binary      [][]byte          // the attachments that came
}
