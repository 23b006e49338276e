package realtime

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

// message is an event for clients. It is encoded once per transport, when the first client of that transport gets it. It is not safe
// for concurrent use.
type message struct {
	event string
	parts [][]byte // the data, in pieces

	packet   socketio.Packet
	isPacket bool
	frame    websocket.Frame
	isFrame  bool
}

// newMessage makes a message. data is one of the types in shapes.go.
func newMessage(event string, data any) *message {
	return &message{event: event, parts: [][]byte{encode(data)}}
}

// peerMessage makes a message whose data is a peer and a flag. It does without json.Marshal, whose reflection took a tenth of the
// time of publishing such a message to a room.
func peerMessage(event string, head peerHead, flag string, on bool) *message {
	return &message{event: event, parts: [][]byte{head, []byte(`,"` + flag + `":` + strconv.FormatBool(on) + `}`)}}
}

// peerHead is a peer as JSON without the closing brace.
type peerHead []byte

func headOf(p peer) peerHead { return peerHead(bytes.TrimSuffix(encode(p), []byte{'}'})) }

// encode encodes one of the types in shapes.go, for which json.Marshal does not fail.
func encode(data any) json.RawMessage {
	encoded, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	return encoded
}

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
