package fanout

import (
	"encoding/json"
	"fmt"
)

// The texts of Engine.IO 4 and Socket.IO 5 besides events.
const (
	ping  = "2"
	pong  = "3"
	ackID = "7"
	okAck = `43` + ackID + `[{"ok":true}]`
)

// program is the protocol of the program: Socket.IO over a WebSocket.
type program struct{}

func (program) path(*room, int) string { return "/socket.io/?EIO=4&transport=websocket" }

// connect connects to the main namespace.
func (program) connect(p *peer, _ int) error {
	if err := p.send([]byte(`40{"userId":"` + p.user + `"}`)); err != nil {
		return err
	}
	text, err := p.await("40{")
	if err != nil {
		return err
	}
	var connected struct{ Sid string }
	if err := json.Unmarshal(text[2:], &connected); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	p.id = connected.Sid
	return nil
}

func (program) join(p *peer, r *room) error {
	return p.request(`42` + ackID + `["video:join-room",{"studyId":"` + StudyID(r.number) + `","roomId":"` + r.id + `"}]`)
}

func (program) leave(p *peer, r *room) error {
	return p.request(`42` + ackID + `["video:leave-room",{"roomId":"` + r.id + `"}]`)
}

// request sends an event that asks for an ack, and waits for the ack.
func (p *peer) request(text string) error {
	if err := p.send([]byte(text)); err != nil {
		return err
	}
	ack, err := p.await("43" + ackID)
	if err == nil && string(ack) != okAck {
		err = fmt.Errorf("the ack of %s is %s", text, ack)
	}
	return err
}

func (program) appendMessage(text []byte, l Load, r *room, _, receiver int, content string, ack bool) []byte {
	address := r.id
	if l.relayed() {
		address = r.peers[receiver].id
	}
	return l.appendMessage(text, address, content, ack)
}

func (program) acks() bool { return true }
