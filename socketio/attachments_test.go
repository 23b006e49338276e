package socketio_test

import (
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

// Given a client that has joined no namespace, when it sends any packet but CONNECT to one, then it is closed at the packet's
// text: nothing waits for attachments.
func TestNothingWaitsForWhoHasNotJoined(t *testing.T) {
	t.Parallel()
	s := start(t, socketio.Config{})
	for _, text := range []string{
		`42["x"]`, `43[]`, `41`, `4510-["x",` + strings.Repeat("0,", 400_000) + `0]`, `451-/guests,["x"]`, `461-["x"]`,
	} {
		conn := s.open(t)
		send(t, conn, text)
		if _, _, err := conn.ReadMessage(); !gorilla.IsCloseError(err, int(websocket.BadPacket)) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// Given a limit, when a packet's text and its attachments are over it together, then the client is closed at once; what fits
// is taken.
func TestAttachmentsCountTogether(t *testing.T) {
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
		if fits && (err != nil || string(answer) != text) || !fits && !gorilla.IsCloseError(err, int(websocket.TooBig)) {
			t.Errorf("%d bytes of attachments: %s, %v", size+468, answer, err)
		}
		if !fits {
			if end := wait(t, s.main.ended); end.reason != socketio.ParseError {
				t.Errorf("ended by %v", end.reason)
			}
		}
	}
}
