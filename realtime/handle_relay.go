package realtime

import (
	"context"
	"encoding/json"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
)

// relayed makes the handler of an event that goes from one member of a room to another. The value of the field is relayed byte for
// byte, whatever it is, null included. An absent field stays absent.
func relayed(event, field string) handler {
	return func(_ context.Context, c *client, data json.RawMessage, ack answer) error {
		to, content, err := parseRelay(data, field)
		if err != nil {
			return err
		}
		if err := relay(c, to, relayedMessage(event, field, c.id, content)); err != nil {
			return err
		}
		acknowledge(c, ack, nil)
		return nil
	}
}

// relay sends a message to a socket in one of the sender's rooms. A socket on another server is unreachable.
func relay(c *client, to string, m *message) error {
	for _, r := range c.rooms.list() {
		if peer := r.client(to); peer != nil {
			peer.send(m)
			return nil
		}
		if r.hasRemote(to) {
			return &domain.Error{Code: domain.PeerUnreachable, Details: map[string]any{"socketId": to}}
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

// relayedMessage makes the message to the receiver. It does not copy the content.
func relayedMessage(event, field, from string, content json.RawMessage) *message {
	head := `{"from":"` + from + `"`
	if content == nil {
		return &message{event: event, parts: [][]byte{[]byte(head + `}`)}}
	}
	return &message{event: event, parts: [][]byte{[]byte(head + `,"` + field + `":`), content, {'}'}}}
}
