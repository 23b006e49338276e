package realtime

import (
	"bytes"
	"encoding/json"
	"strconv"
	"sync"

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

// delivery is a message for some clients.
type delivery struct {
	message *message
	to      []*client
}

// outbox holds the messages that are decided and not sent yet. Messages are added under the lock of their room or lobby, and sent
// after it is released: so all clients get them in the order of the changes, and no socket is written to under the lock.
type outbox struct {
	waiting []delivery
	sending bool // a goroutine sends until nothing waits
}

// add queues a message. The caller holds the lock.
func (o *outbox) add(d delivery) { o.waiting = append(o.waiting, d) }

// send sends the waiting messages in order, unless another goroutine is sending. The caller does not hold the lock mu.
func (o *outbox) send(mu *sync.Mutex) {
	for {
		mu.Lock()
		if o.sending || len(o.waiting) == 0 {
			mu.Unlock()
			return
		}
		deliveries := o.waiting
		o.waiting, o.sending = nil, true
		mu.Unlock()
		for _, d := range deliveries {
			for _, c := range d.to {
				c.send(d.message)
			}
		}
		mu.Lock()
		o.sending = false
		mu.Unlock()
	}
}
