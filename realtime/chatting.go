package realtime

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

const (
	// chatLimit is the longest message, in characters.
	chatLimit = 5000
	// fileLimit bounds what is said of a file, in bytes of JSON: its name, size, type and link, never its contents.
	fileLimit = 8 << 10
)

// chatMessage tells a message to the whole room, the sender too. It is not kept.
func (s *Server) chatMessage(c *client, data json.RawMessage, ack answer) error {
	var in struct {
		RoomID  string  `json:"roomId"`
		Message *string `json:"message"`
	}
	if err := decode(data, &in); err != nil {
		return err
	}
	if in.Message == nil || *in.Message == "" || utf8.RuneCountInString(*in.Message) > chatLimit {
		return invalid("message", fmt.Sprintf("must be a text of 1 to %d characters", chatLimit))
	}
	return s.say(c, eventChatReceived, saidInRoom{RoomID: in.RoomID, Message: in.Message}, ack)
}

// chatFile tells the whole room of a file that was put elsewhere.
func (s *Server) chatFile(c *client, data json.RawMessage, ack answer) error {
	var in struct {
		RoomID string          `json:"roomId"`
		File   json.RawMessage `json:"file"`
	}
	if err := decode(data, &in); err != nil {
		return err
	}
	if len(in.File) == 0 || in.File[0] != '{' || len(in.File) > fileLimit {
		return invalid("file", fmt.Sprintf("must be an object that describes a file, of at most %d bytes", fileLimit))
	}
	return s.say(c, eventChatFileReceived, saidInRoom{RoomID: in.RoomID, File: in.File}, ack)
}

// say tells what a member says to the whole room.
func (s *Server) say(c *client, event string, said saidInRoom, ack answer) error {
	r := c.room(said.RoomID)
	if r == nil {
		return errNotInRoom
	}
	said.ID, said.Timestamp = s.NewID(), instant(s.Now())
	said.UserID, said.User, said.SocketID = c.user.ID, shapeOf(c.user.ID, c.user), c.id
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
	r.tell(newMessage(eventUserSpeaking, speaking{peer{c.id, c.user.ID}, is}), c.id)
	r.mu.Unlock()
	r.flush()
	acknowledge(c, ack, nil)
	return nil
}
