package socketio

import (
	"strconv"

	"github.com/studycall/studycall/rawjson"
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

// Packet is encoded once, for any number of sockets of its namespace. It is immutable.
type Packet struct{ *packetData }

// packetData is shared by the sockets that keep the packet.
type packetData struct {
	messages []engineio.Message // the header with the JSON, then the attachments
	offset   string             // the last argument of a packet that is kept; see Recovery
	size     int                // bytes of the messages
}

func newPacket(messages []engineio.Message, offset string) Packet {
	size := 0
	for _, m := range messages {
		size += m.Size()
	}
	return Packet{&packetData{messages, offset, size}}
}

// EncodeEvent encodes an event in a namespace. Each argument must be valid JSON and is sent as it is.
func EncodeEvent(namespace, event string, args Args) Packet {
	return encode(kindEvent, namespace, "", event, "", args)
}

// EncodeJoined encodes an event with one argument, the concatenation of the parts. Each part is copied once: it serves to relay a
// large value with something added.
func EncodeJoined(namespace, event string, parts ...[]byte) Packet {
	return encodeJoined(namespace, event, "", parts)
}

func encodeJoined(namespace, event, offset string, parts [][]byte) Packet {
	head := encodeHead(kindEvent, namespace, "", event, 0)
	all := make([][]byte, 0, len(parts)+2)
	all = append(append(append(all, append(head, ',')), parts...), encodeTail(offset))
	return newPacket([]engineio.Message{engineio.Text(all...)}, offset)
}

// encode encodes an event, whose name is the first element of its array, or an ack, which has no name.
func encode(kind byte, namespace, id, event, offset string, args Args) Packet {
	parts := make([][]byte, 0, 2*len(args.JSON)+2)
	parts = append(parts, encodeHead(kind, namespace, id, event, len(args.Binary)))
	for i, arg := range args.JSON {
		if i > 0 || kind == kindEvent {
			parts = append(parts, []byte{','})
		}
		parts = append(parts, arg)
	}
	messages := make([]engineio.Message, 0, 1+len(args.Binary))
	messages = append(messages, engineio.Text(append(parts, encodeTail(offset))...))
	for _, data := range args.Binary {
		messages = append(messages, engineio.Binary(data))
	}
	return newPacket(messages, offset)
}

// encodeHead encodes a packet up to the first argument.
func encodeHead(kind byte, namespace, id, event string, attachments int) []byte {
	head := make([]byte, 0, len(namespace)+len(id)+len(event)+10)
	if attachments > 0 {
		head = append(head, '0'+kind+kindBinaryEvent-kindEvent)
		head = append(strconv.AppendInt(head, int64(attachments), 10), '-')
	} else {
		head = append(head, '0'+kind)
	}
	head = append(append(appendNamespace(head, namespace), id...), '[')
	if kind == kindEvent {
		head = append(head, rawjson.Quote(event)...)
	}
	return head
}

// encodeTail encodes the end of an event or ack, with the offset if there is one.
func encodeTail(offset string) []byte {
	if offset == "" {
		return []byte{']'}
	}
	return []byte(`,"` + offset + `"]`)
}

// encodePlain encodes a packet of another kind. Data is JSON or nil.
func encodePlain(kind byte, namespace string, data []byte) Packet {
	head := appendNamespace([]byte{'0' + kind}, namespace)
	return newPacket([]engineio.Message{engineio.Text(head, data)}, "")
}

func appendNamespace(head []byte, namespace string) []byte {
	if namespace == MainNamespace {
		return head
	}
	return append(append(head, namespace...), ',')
}
