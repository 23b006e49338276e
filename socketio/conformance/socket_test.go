package main

import (
	"encoding/json"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/socketio"
)

const twoPlaceholders = `{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}`

// connected opens a WebSocket and connects it to the main namespace.
func connected(t *testing.T) conn {
	t.Helper()
	return connectedTo(t, slow())
}

func connectedTo(t *testing.T, times socketio.Config) conn {
	t.Helper()
	c := start(t, times, "/socket.io/").dial(t, socket)
	c.next(t)
	c.join(t, "40", `42["auth",{}]`)
	return c
}

// join sends CONNECT, and checks the two answers.
func (c conn) join(t *testing.T, packet, auth string) {
	t.Helper()
	c.send(t, packet)
	answer := c.next(t)
	for answer == "2" {
		answer = c.next(t)
	}
	head := "40"
	if strings.HasPrefix(packet, "40/custom") {
		head = "40/custom,"
	}
	var keys map[string]string
	if err := json.Unmarshal([]byte(strings.TrimPrefix(answer, head)), &keys); err != nil || len(keys) != 1 || keys["sid"] == "" ||
		!strings.HasPrefix(answer, head) {
		t.Fatalf("the answer to CONNECT is %s, %v", answer, err)
	}
	c.got(t, auth)
}

func TestConnectToNamespaces(t *testing.T) {
	t.Parallel()
	for packet, auth := range map[string]string{
		"40":                        `42["auth",{}]`,
		`40{"token":"123"}`:         `42["auth",{"token":"123"}]`,
		"40/custom,":                `42/custom,["auth",{}]`,
		`40/custom,{"token":"abc"}`: `42/custom,["auth",{"token":"abc"}]`,
	} {
		t.Run(packet, func(t *testing.T) {
			t.Parallel()
			c := start(t, slow(), "/socket.io/").dial(t, socket)
			c.next(t)
			c.join(t, packet, auth)
		})
	}
}

func TestConnectToAnUnknownNamespaceIsRefused(t *testing.T) {
	t.Parallel()
	c := start(t, slow(), "/socket.io/").dial(t, socket)
	c.next(t)
	c.send(t, "40/random")
	c.got(t, `44/random,{"message":"Invalid namespace"}`)
	c.join(t, "40", `42["auth",{}]`) // the connection is still usable
}

func TestWithoutAConnectTheConnectionCloses(t *testing.T) {
	t.Parallel()
	times := beating()
	times.ConnectTimeout = connectTimeout
	c := start(t, times, "/socket.io/").dial(t, socket)
	for {
		kind, data, err := c.ReadMessage()
		if err != nil {
			if !gorilla.IsCloseError(err, codes.Unused.Number) {
				t.Errorf("closed with %v", err)
			}
			return
		}
		if kind == gorilla.TextMessage && string(data) == "2" {
			c.send(t, "3")
		}
	}
}

func TestDisconnectFromTheMainNamespace(t *testing.T) {
	t.Parallel()
	c := connectedTo(t, beating())
	c.send(t, "41")
	c.got(t, "2")
}

func TestDisconnectFromACustomNamespace(t *testing.T) {
	t.Parallel()
	c := connected(t)
	c.join(t, "40/custom", `42/custom,["auth",{}]`)
	c.send(t, "41/custom", `42["message","message to main namespace"]`)
	c.got(t, `42["message-back","message to main namespace"]`)
}

func TestMessages(t *testing.T) {
	t.Parallel()
	c := connected(t)
	c.send(t, `42["message",1,"2",{"3":[true]}]`)
	c.got(t, `42["message-back",1,"2",{"3":[true]}]`)
	c.send(t, `42456["message-with-ack",1,"2",{"3":[false]}]`)
	c.got(t, `43456[1,"2",{"3":[false]}]`)
}

func TestMessagesWithAttachments(t *testing.T) {
	t.Parallel()
	c := connected(t)
	c.send(t, `452-["message",`+twoPlaceholders+`]`)
	c.sendBinary(t, 1, 2, 3)
	c.sendBinary(t, 4, 5, 6)
	c.got(t, `452-["message-back",`+twoPlaceholders+`]`, "b:\x01\x02\x03", "b:\x04\x05\x06")
	c.send(t, `452-789["message-with-ack",`+twoPlaceholders+`]`)
	c.sendBinary(t, 1, 2, 3)
	c.sendBinary(t, 4, 5, 6)
	c.got(t, `462-789[`+twoPlaceholders+`]`, "b:\x01\x02\x03", "b:\x04\x05\x06")
}

func TestInvalidPacketsClose(t *testing.T) {
	t.Parallel()
	for _, packets := range [][]string{
		{"4abc"}, {"42{}"}, {`42abc["message-with-ack",1]`}, {"42"}, {"42[]"}, {`42["disconnect"]`}, {"40"}, {"41/custom"},
		{`42/custom,["message"]`}, {`451-["message",` + twoPlaceholders + `]`, `42["message"]`}, {`4511-["message"]`}, {"4"},
		{`452-["message",{"_placeholder":true,"num":2}]`, "b", "b"},
	} {
		t.Run(strings.Join(packets, " "), func(t *testing.T) {
			t.Parallel()
			c := connected(t)
			c.send(t, packets...)
			c.closes(t, codes.BadPacket)
		})
	}
}

func TestAnAttachmentWithoutAPacketCloses(t *testing.T) {
	t.Parallel()
	c := connected(t)
	c.sendBinary(t, 1)
	c.closes(t, codes.BadPacket)
}
