package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/rawjson"
)

const (
	// chatLimit is the longest chat message, in characters.
	chatLimit = 5000
	// fileLimit bounds the description of a file, in bytes of JSON: its name, size, type and link, never its contents.
	fileLimit = 8 << 10
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
	in := parse(data, "to", field)
	to = in.text("to", socketIDLimit)
	return to, in.raw(field), in.err
}

// relayedMessage makes the message to the receiver. It does not copy the content.
func relayedMessage(event, field, from string, content json.RawMessage) *message {
	head := `{"from":"` + from + `"`
	if content == nil {
		return &message{event: event, parts: [][]byte{[]byte(head + `}`)}}
	}
	return &message{event: event, parts: [][]byte{[]byte(head + `,"` + field + `":`), content, {'}'}}}
}

// chatMessage publishes a chat message to the whole room, the sender included. It is not stored.
func (s *Server) chatMessage(_ context.Context, c *client, data json.RawMessage, ack answer) error {
	in := parse(data, "roomId", "message")
	roomID := in.room()
	content, err := rawjson.String(in.raw("message"))
	if err != nil || content == "" || utf8.RuneCountInString(content) > chatLimit {
		in.refuse("message", fmt.Sprintf("must be a string of 1 to %d characters", chatLimit))
	}
	if in.err != nil {
		return in.err
	}
	return s.chat(c, eventChatReceived, chatShape{RoomID: roomID, Message: &content}, ack)
}

// chatFile publishes the description of a file that was uploaded to another service.
func (s *Server) chatFile(_ context.Context, c *client, data json.RawMessage, ack answer) error {
	in := parse(data, "roomId", "file")
	roomID, file := in.room(), in.raw("file")
	if len(file) == 0 || file[0] != '{' || len(file) > fileLimit {
		in.refuse("file", fmt.Sprintf("must be an object that describes a file, of at most %d bytes", fileLimit))
	}
	if in.err != nil {
		return in.err
	}
	return s.chat(c, eventChatFileReceived, chatShape{RoomID: roomID, File: file}, ack)
}

// chat completes a chat message and publishes it to the whole room.
func (s *Server) chat(c *client, event string, chat chatShape, ack answer) error {
	r := c.room(chat.RoomID)
	if r == nil {
		return errNotInRoom
	}
	chat.ID, chat.Timestamp = s.NewID(), api.Time(s.Now())
	chat.UserID, chat.User, chat.SocketID = c.user.ID, api.NewPersonWithEmail(c.user.ID, c.user), c.id
	r.broadcast(newMessage(event, chat), "")
	acknowledge(c, ack, nil)
	return nil
}

// speaking publishes to the other members whether a member speaks. It is never recorded.
func (s *Server) speaking(_ context.Context, c *client, data json.RawMessage, ack answer) error {
	roomID, speaking, err := parseToggle(data, "speaking")
	if err != nil {
		return err
	}
	r := c.room(roomID)
	if r == nil {
		return errNotInRoom
	}
	r.broadcast(peerMessage(eventUserSpeaking, c.asPeer, "speaking", speaking), c.id)
	acknowledge(c, ack, nil)
	return nil
}
