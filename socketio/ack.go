package socketio

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// ErrNoAck says that a client did not answer an event.
var ErrNoAck = errors.New("the client did not answer")

// Ack answers one event of a client's. The zero value answers nobody. Send may be called from any goroutine, once.
type Ack struct {
	socket *Socket
	id     uint64
}

// Wanted says whether the client asked for an answer.
func (a Ack) Wanted() bool { return a.socket != nil }

// Send answers, if an answer is wanted. Each argument must be valid JSON.
func (a Ack) Send(args ...json.RawMessage) { a.SendArgs(Args{JSON: args}) }

// SendArgs is Send with attachments.
func (a Ack) SendArgs(args Args) {
	if a.socket != nil {
		a.socket.Send(encode(kindAck, a.socket.namespace, strconv.FormatUint(a.id, 10), "", args))
	}
}

// asked is an event that the client is to answer.
type asked struct {
	answered func(Args, error)
	timer    *time.Timer
}

// EmitWithAck sends an event and calls answered once: with the client's answer, or with ErrNoAck when that did not come
// in time or the socket was disconnected. It is called like an event, never while another one is handled.
func (s *Socket) EmitWithAck(event string, args Args, timeout time.Duration, answered func(Args, error)) {
	s.mu.Lock()
	if s.state != connected {
		s.mu.Unlock()
		none := func() { answered(Args{}, ErrNoAck) }
		if !s.client.conn.Run(none) {
			go none()
		}
		return
	}
	id := s.lastAck
	s.lastAck++
	if s.asked == nil {
		s.asked = map[uint64]asked{}
	}
	s.asked[id] = asked{answered, time.AfterFunc(timeout, func() {
		s.client.conn.Run(func() { s.answer(id, Args{}, ErrNoAck) })
	})}
	s.mu.Unlock()
	s.Send(encode(kindEvent, s.namespace, strconv.FormatUint(id, 10), event, args))
}

// hasAsked reports whether an answer is waited for.
func (s *Socket) hasAsked(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, is := s.asked[id]
	return is
}

// answer gives an event's answer to who asked, if it is the first.
func (s *Socket) answer(id uint64, args Args, err error) {
	s.mu.Lock()
	waiting, ok := s.asked[id]
	delete(s.asked, id)
	s.mu.Unlock()
	if ok {
		waiting.timer.Stop()
		waiting.answered(args, err)
	}
}
