package fanout

import (
	"context"
	"encoding/json"
	"fmt"
)

// The texts of Engine.IO 4 and Socket.IO 5 besides events.
const (
	ping  = "2"
	pong  = "3"
	ackID = "7"
	done  = `43` + ackID + `[{"ok":true}]`
)

// program is how clients speak to the program: Socket.IO over a WebSocket.
type program struct{}

func (program) open(ctx context.Context, address string, r *room, seat int) (*peer, error) {
	p, err := dial(ctx, address, "/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		return nil, err
	}
	p.user = UserID(r.number, seat)
	if err := p.connect(); err != nil {
		_ = p.conn.Close()
		return nil, fmt.Errorf("connect %s: %w", p.user, err)
	}
	return p, nil
}

// connect says who it is, and learns its id.
func (p *peer) connect() error {
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
	return p.ask(`42` + ackID + `["video:join-room",{"studyId":"` + StudyID(r.number) + `","roomId":"` + r.id + `"}]`)
}

func (program) leave(p *peer, r *room) error {
	return p.ask(`42` + ackID + `["video:leave-room",{"roomId":"` + r.id + `"}]`)
}

// ask sends what asks for an ack, and waits for that.
func (p *peer) ask(text string) error {
	if err := p.send([]byte(text)); err != nil {
		return err
	}
	answer, err := p.await("43" + ackID)
	if err == nil && string(answer) != done {
		err = fmt.Errorf("%s was answered %s", text, answer)
	}
	return err
}

func (program) appendMessage(text []byte, l Load, r *room, _, receiver int, content string, ack bool) []byte {
	to := r.id
	if l.relayed() {
		to = r.peers[receiver].id
	}
	return l.appendAsk(text, to, content, ack)
}

func (program) acks() bool { return true }
