package socketio

import "encoding/json"

// Packet is encoded once, to be sent to any number of sockets of its namespace.
type Packet struct{}

// EncodeEvent makes the packet of an event in a namespace ("/" is the main one). Each argument must be valid JSON.
func EncodeEvent(namespace, event string, args ...json.RawMessage) Packet { return Packet{} }

// EncodeArgs is EncodeEvent with attachments.
func EncodeArgs(namespace, event string, args Args) Packet { return Packet{} }
