package realtime

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

// message is an event on its way to clients. It is encoded once for each kind of transport, when the first client of
// that kind needs it. It is not safe for concurrent use.
type message struct {
	event string
	parts [][]byte // of the data, one after the other

	packet   socketio.Packet
	isPacket bool
	frame    websocket.Frame
	isFrame  bool
}

// newMessage makes the message of an event; data is one of the types in shapes.go.
func newMessage(event string, data any) *message {
	return &message{event: event, parts: [][]byte{encode(data)}}
}

// peerMessage makes the message of an event whose data is who, and a flag. Such ones are told to a whole room each time that
// somebody speaks or mutes: the reflection of json.Marshal took a tenth of what that costs.
func peerMessage(event string, who peerHead, flag string, on bool) *message {
	return &message{event: event, parts: [][]byte{who, []byte(`,"` + flag + `":` + strconv.FormatBool(on) + `}`)}}
}

// peerHead is a peer as JSON, without the brace at the end.
type peerHead []byte

func headOf(p peer) peerHead { return peerHead(bytes.TrimSuffix(encode(p), []byte{'}'})) }

// encode is for our own types, which can always be encoded.
func encode(data any) json.RawMessage {
	encoded, err := json.Marshal(data)
	if err != nil {
		panic(err) // a mistake in shapes.go
	}
	return encoded
}

// data is the whole of the data.
func (m *message) data() json.RawMessage { return bytes.Join(m.parts, nil) }

func (m *message) forSocketIO() socketio.Packet {
	if !m.isPacket {
		m.packet, m.isPacket = socketio.EncodeJoined(socketio.MainNamespace, m.event, m.parts...), true
	}
	return m.packet
}

func (m *message) forPlain() websocket.Frame {
	if !m.isFrame {
		m.frame, m.isFrame = websocket.Headed(`{"event":"`+m.event+`","data":`, append(m.parts[:len(m.parts):len(m.parts)], []byte{'}'})...), true
	}
	return m.frame
}
