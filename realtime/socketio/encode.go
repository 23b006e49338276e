package socketio

import (
	"encoding/json"
	"strconv"

	"github.com/studycall/studycall/realtime/rawjson"
	"github.com/studycall/studycall/realtime/socketio/engineio"
)

// EncodeEvent makes the packet of an event in a namespace ("/" is the main one). Each argument must be valid JSON; its
// bytes go out as they are.
func EncodeEvent(namespace, event string, args ...json.RawMessage) Packet {
	return encode(kindEvent, namespace, "", rawjson.Quote(event), Args{JSON: args})
}

// EncodeArgs is EncodeEvent with attachments.
func EncodeArgs(namespace, event string, args Args) Packet {
	return encode(kindEvent, namespace, "", rawjson.Quote(event), args)
}

// encode makes an event, whose name is the first element of its array, or an ack, which has none.
func encode(kind byte, namespace, id string, name json.RawMessage, args Args) Packet {
	head := make([]byte, 0, len(namespace)+len(id)+len(name)+8)
	if len(args.Binary) > 0 {
		head = append(head, '0'+kind+kindBinaryEvent-kindEvent)
		head = append(strconv.AppendInt(head, int64(len(args.Binary)), 10), '-')
	} else {
		head = append(head, '0'+kind)
	}
	head = append(appendNamespace(head, namespace), id...)
	head = append(append(head, '['), name...)
	parts := make([][]byte, 0, 2*len(args.JSON)+2)
	parts = append(parts, head)
	for i, arg := range args.JSON {
		if i > 0 || len(name) > 0 {
			parts = append(parts, []byte{','})
		}
		parts = append(parts, arg)
	}
	messages := make([]engineio.Message, 0, 1+len(args.Binary))
	messages = append(messages, engineio.Text(append(parts, []byte{']'})...))
	for _, data := range args.Binary {
		messages = append(messages, engineio.Binary(data))
	}
	return Packet{messages}
}

// encodePlain makes a packet of the other kinds. Data is JSON, or nil.
func encodePlain(kind byte, namespace string, data []byte) Packet {
	head := appendNamespace([]byte{'0' + kind}, namespace)
	return Packet{[]engineio.Message{engineio.Text(head, data)}}
}

func appendNamespace(head []byte, namespace string) []byte {
	if namespace == mainNamespace {
		return head
	}
	return append(append(head, namespace...), ',')
}
