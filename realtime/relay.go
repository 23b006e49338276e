package realtime

import (
	"context"
	"encoding/json"

	"github.com/studycall/studycall/api"
)

// relayed makes the handler of an event that goes from one member of a room to another. What the field holds is passed on
// byte for byte, whatever it is, also null; where the field is absent it stays so.
func relayed(event, field string) handler {
	return func(s *Server, c *client, data json.RawMessage, ack answer) error {
		to, content, err := parseRelay(data, field)
		if err != nil {
			return err
		}
		if err := s.relay(c, to, relayedMessage(event, field, c.id, content)); err != nil {
			return err
		}
		acknowledge(c, ack, nil)
		return nil
	}
}

// relay sends a message to a socket that is in a room of the sender's.
func (s *Server) relay(c *client, to string, m *message) error {
	for _, r := range c.in() {
		if peer := r.member(to); peer != nil {
			peer.client.send(m)
			return nil
		}
		if r.isAway(to) {
			return s.Elsewhere.Deliver(context.Background(), r.id, to, m.event, m.data())
		}
	}
	return api.Invalid("to", "must be a socket in a room that the sender is in")
}

func parseRelay(data json.RawMessage, field string) (to string, content json.RawMessage, err error) {
	values, err := fields(data, "to", field)
	if err != nil {
		return "", nil, err
	}
	to, err = text("to", values[0], socketIDLimit)
	return to, values[1], err
}

// relayedMessage is what the receiver gets. The content is not copied until it goes out.
func relayedMessage(event, field, from string, content json.RawMessage) *message {
	head := `{"from":"` + from + `"`
	if content == nil {
		return &message{event: event, parts: [][]byte{[]byte(head + `}`)}}
	}
	return &message{event: event, parts: [][]byte{[]byte(head + `,"` + field + `":`), content, {'}'}}}
}
