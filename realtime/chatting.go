package realtime

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/rawjson"
)

const (
	// chatLimit is the longest message, in characters.
	chatLimit = 5000
	// fileLimit bounds what is said of a file, in bytes of JSON: its name, size, type and link, never its contents.
	fileLimit = 8 << 10
)

// chatMessage tells a message to the whole room, the sender too. It is not kept.
func (s *Server) chatMessage(c *client, data json.RawMessage, ack answer) error {
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
	return s.say(c, eventChatReceived, saidInRoom{RoomID: roomID, Message: &content}, ack)
}

// chatFile tells the whole room of a file that was put elsewhere.
func (s *Server) chatFile(c *client, data json.RawMessage, ack answer) error {
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
	return s.say(c, eventChatFileReceived, saidInRoom{RoomID: roomID, File: file}, ack)
}

// say tells what a member says to the whole room.
func (s *Server) say(c *client, event string, said saidInRoom, ack answer) error {
	r := c.room(said.RoomID)
	if r == nil {
		return errNotInRoom
	}
	said.ID, said.Timestamp = s.NewID(), api.Time(s.Now())
	said.UserID, said.User, said.SocketID = c.user.ID, api.NewPersonWithEmail(c.user.ID, c.user), c.id
	r.mu.Lock()
	r.tell(newMessage(event, said), "")
	r.mu.Unlock()
	r.flush()
	acknowledge(c, ack, nil)
	return nil
}

// speaking tells the others whether a member speaks. It is never recorded.
func (s *Server) speaking(c *client, data json.RawMessage, ack answer) error {
	roomID, is, err := parseToggle(data, "speaking")
	if err != nil {
		return err
	}
	r := c.room(roomID)
	if r == nil {
		return errNotInRoom
	}
	r.mu.Lock()
	r.tell(peerMessage(eventUserSpeaking, c.asPeer, "speaking", is), c.id)
	r.mu.Unlock()
	r.flush()
	acknowledge(c, ack, nil)
	return nil
}
