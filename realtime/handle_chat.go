package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/rawjson"
)

const (
	// chatLimit is the longest chat message, in characters.
	chatLimit = 5000
	// fileLimit bounds the description of a file, in bytes of JSON: its name, size, type and link, never its contents.
	fileLimit = 8 << 10
)

// chatMessage publishes a chat message to the whole room, the sender included. It is not stored.
func (s *Server) chatMessage(_ context.Context, c *client, data json.RawMessage, ack answer) error {
	values, err := fields(data, "roomId", "message")
	if err != nil {
		return err
	}
	roomID, err := text("roomId", values[0], roomIDLimit)
	if err != nil {
		return err
	}
	content, err := rawjson.String(values[1])
	if err != nil || content == "" || utf8.RuneCountInString(content) > chatLimit {
		return api.Invalid("message", fmt.Sprintf("must be a string of 1 to %d characters", chatLimit))
	}
	return s.chat(c, eventChatReceived, chatShape{RoomID: roomID, Message: &content}, ack)
}

// chatFile publishes the description of a file that was uploaded to another service.
func (s *Server) chatFile(_ context.Context, c *client, data json.RawMessage, ack answer) error {
	values, err := fields(data, "roomId", "file")
	if err != nil {
		return err
	}
	roomID, err := text("roomId", values[0], roomIDLimit)
	if err != nil {
		return err
	}
	file := values[1]
	if len(file) == 0 || file[0] != '{' || len(file) > fileLimit {
		return api.Invalid("file", fmt.Sprintf("must be an object that describes a file, of at most %d bytes", fileLimit))
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
