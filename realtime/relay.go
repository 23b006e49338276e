package realtime

import (
	"context"
	"encoding/json"
)

// relayed makes the handler of an event that goes from one member of a room to another. What the field holds is passed on
// byte for byte, whatever it is, also null; where the field is absent it stays so.
func relayed(event, field string) handler {
	return func(s *Server, c *client, data json.RawMessage, ack answer) error {
		to, content, err := parseRelay(data, field)
		if err != nil {
			return err
		}
		if err := s.relay(c, to, event, relayTo(c.id, field, content)); err != nil {
			return err
		}
		acknowledge(c, ack, nil)
		return nil
	}
}

// relay sends data to a socket that is in a room of the sender's.
func (s *Server) relay(c *client, to, event string, data json.RawMessage) error {
	for _, r := range c.in() {
		if m := r.member(to); m != nil {
			m.client.send(&message{event: event, data: data})
			return nil
		}
		if r.isAway(to) {
			return s.Elsewhere.Deliver(context.Background(), r.id, to, event, data)
		}
	}
	return invalid("to", "must be a socket in a room that the sender is in")
}

func parseRelay(data json.RawMessage, field string) (to string, content json.RawMessage, err error) {
	fields := map[string]json.RawMessage{}
	if err := decode(data, &fields); err != nil {
		return "", nil, err
	}
	if err := json.Unmarshal(fields["to"], &to); err != nil || to == "" || len(to) > socketIDLimit {
		return "", nil, invalid("to", "must be the id of a socket")
	}
	return to, fields[field], nil
}

// relayTo is the data that the receiver gets.
func relayTo(from, field string, content json.RawMessage) json.RawMessage {
	data := make([]byte, 0, len(from)+len(field)+len(content)+16)
	data = append(data, `{"from":"`...)
	data = append(data, from...)
	data = append(data, '"')
	if content != nil {
		data = append(data, `,"`...)
		data = append(data, field...)
		data = append(data, `":`...)
		data = append(data, content...)
	}
	return append(data, '}')
}
