package realtimetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/gorilla/websocket"
)

// address returns the address of the WebSocket of a server.
func address(server string, options Options) string {
	server = "ws" + strings.TrimPrefix(server, "http")
	if !options.Plain {
		return server + "/socket.io/?EIO=4&transport=websocket"
	}
	query := url.Values{}
	for name, value := range options.Auth {
		query.Set(name, value)
	}
	return server + "/ws?" + query.Encode()
}

// handshake runs the protocol until the socket has an id.
func (c *Client) handshake(options Options) error {
	if c.plain {
		var first struct {
			Event string
			Data  struct{ SocketID string }
		}
		if err := c.conn.ReadJSON(&first); err != nil || first.Event != "connected" {
			return fmt.Errorf("the first frame is %+v (%w)", first, err)
		}
		c.ID = first.Data.SocketID
		return nil
	}
	if _, open, err := c.conn.ReadMessage(); err != nil || len(open) == 0 || open[0] != '0' {
		return fmt.Errorf("no handshake: %q (%w)", open, err)
	}
	connect := "40"
	if options.Auth != nil {
		payload, err := json.Marshal(options.Auth)
		if err != nil {
			return err
		}
		connect += string(payload)
	}
	if err := c.Write(connect); err != nil {
		return err
	}
	_, answer, err := c.conn.ReadMessage()
	for err == nil && string(answer) == "2" { // a slow CONNECT is preceded by a ping
		if err = c.Write("3"); err == nil {
			_, answer, err = c.conn.ReadMessage()
		}
	}
	if err != nil {
		return err
	}
	var reply struct{ SID, Message string }
	if err := json.Unmarshal(answer[min(2, len(answer)):], &reply); err != nil || reply.SID == "" {
		return &ConnectError{Message: reply.Message}
	}
	c.ID = reply.SID
	return nil
}

// Write sends a text frame as it is.
func (c *Client) Write(text string) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.conn.WriteMessage(websocket.TextMessage, []byte(text))
}

func (c *Client) emit(event, data string, ack int) {
	id, name := "", strconv.Quote(event)
	if ack > 0 {
		id = strconv.Itoa(ack)
	}
	frame := "42" + id + "[" + name
	if data != "" {
		frame += "," + data
	}
	frame += "]"
	if c.plain {
		frame = `{"event":` + name + `,"data":` + cmp.Or(data, "null") + `,"ack":` + cmp.Or(id, "null") + `}`
	}
	if err := c.Write(frame); err != nil {
		_ = c.conn.Close() // await reports it
	}
}

// handle handles one frame.
func (c *Client) handle(frame []byte) error {
	if c.plain {
		return c.handlePlain(frame)
	}
	text := string(frame)
	switch {
	case text == "2":
		if c.deaf.Load() {
			return nil
		}
		return c.Write("3")
	case strings.HasPrefix(text, "42"):
		var parts []json.RawMessage
		if err := json.Unmarshal(frame[2:], &parts); err != nil || len(parts) != 2 {
			return fmt.Errorf("the event %q (%w)", text, err)
		}
		var name string
		if err := json.Unmarshal(parts[0], &name); err != nil {
			return fmt.Errorf("the event %q: %w", text, err)
		}
		c.change(func() { c.events = append(c.events, Event{name, parts[1]}) })
		return nil
	case strings.HasPrefix(text, "43"):
		bracket := strings.IndexByte(text, '[')
		var args []json.RawMessage
		id, err := strconv.Atoi(text[2:max(2, bracket)])
		if err != nil || json.Unmarshal(frame[bracket:], &args) != nil || len(args) != 1 {
			return fmt.Errorf("the ack %q (%w)", text, err)
		}
		c.change(func() { c.acks[id] = args[0] })
		return nil
	case text == "6", strings.HasPrefix(text, "40"), strings.HasPrefix(text, "44"): // the answers to Write
		return nil
	default:
		return fmt.Errorf("the frame %q", text)
	}
}

func (c *Client) handlePlain(frame []byte) error {
	var in struct {
		Event string
		Data  json.RawMessage
		Ack   *int
	}
	if err := json.Unmarshal(frame, &in); err != nil {
		return fmt.Errorf("the frame %q: %w", frame, err)
	}
	c.change(func() {
		if in.Ack != nil {
			c.acks[*in.Ack] = in.Data
		} else {
			c.events = append(c.events, Event{in.Event, in.Data})
		}
	})
	return nil
}
