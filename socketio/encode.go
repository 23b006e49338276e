package socketio

import (
	"encoding/json"
	"strconv"

	"github.com/studycall/studycall/rawjson"
	"github.com/studycall/studycall/socketio/engineio"
)

// EncodeEvent makes the packet of an event in a namespace ("/" is the main one). Each argument must be valid JSON; its
// bytes go out as they are.
func EncodeEvent(namespace, event string, args ...json.RawMessage) Packet {
	return encode(kindEvent, namespace, "", event, Args{JSON: args})
}

// EncodeArgs is EncodeEvent with attachments.
func EncodeArgs(namespace, event string, args Args) Packet {
	return encode(kindEvent, namespace, "", event, args)
}

// EncodeJoined is EncodeEvent with a single argument that comes in parts, which are copied once, to where they go out:
// for relaying what is large with a little around it.
func EncodeJoined(namespace, event string, parts ...[]byte) Packet {
	head := encodeHead(kindEvent, namespace, "", event, 0)
	all := make([][]byte, 0, len(parts)+2)
	all = append(append(append(all, append(head, ',')), parts...), []byte{']'})
	return Packet{[]engineio.Message{engineio.Text(all...)}}
}

// encode makes an event, whose name is the first element of its array, or an ack, which has none.
func encode(kind byte, namespace, id, event string, args Args) Packet {
	parts := make([][]byte, 0, 2*len(args.JSON)+2)
	parts = append(parts, encodeHead(kind, namespace, id, event, len(args.Binary)))
	for i, arg := range args.JSON {
		if i > 0 || kind == kindEvent {
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

// encodeHead is a packet's text up to the first argument.
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
