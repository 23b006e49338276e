package socketio_test

import (
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

// Given a client without a namespace, when it sends any packet but CONNECT, then it is closed at once, also if attachments are
// to follow.
func TestPacketsBeforeConnectClose(t *testing.T) {
	t.Parallel()
	s := start(t, socketio.Config{})
	for _, text := range []string{
		`42["x"]`, `43[]`, `41`, `4510-["x",` + strings.Repeat("0,", 400_000) + `0]`, `451-/guests,["x"]`, `461-["x"]`,
	} {
		conn := s.open(t)
		send(t, conn, text)
		if _, _, err := conn.ReadMessage(); !gorilla.IsCloseError(err, codes.BadPacket.Number) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// MaxPayload bounds a packet's text and its attachments together.
func TestAttachmentsCountTowardsMaxPayload(t *testing.T) {
	t.Parallel()
	const text = `452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`
	for size, fits := range map[int]bool{464: true, 465: false} {
		s := start(t, socketio.Config{MaxPayload: 1000}) // the JSON has 68 bytes
		conn := s.dial(t)
		send(t, conn, text)
		for _, n := range []int{size, 468} {
			if err := conn.WriteMessage(gorilla.BinaryMessage, make([]byte, n)); err != nil {
				t.Fatal(err)
			}
		}
		_, answer, err := conn.ReadMessage()
		if fits && (err != nil || string(answer) != text) || !fits && !gorilla.IsCloseError(err, websocket.TooBig.Number) {
			t.Errorf("%d bytes of attachments: %s, %v", size+468, answer, err)
		}
		if !fits {
			if end := check.Receive(t, s.main.ended); end.reason != socketio.ParseError {
				t.Errorf("ended by %v", end.reason)
			}
		}
	}
}
