package websocket_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/websocket"
)

// checkClose reads until the peer is closed, and checks the code and its text.
func checkClose(t *testing.T, conn *gorilla.Conn, want websocket.CloseCode) {
	t.Helper()
	for {
		_, _, err := conn.ReadMessage()
		if err == nil {
			continue
		}
		var closed *gorilla.CloseError
		if !errors.As(err, &closed) || closed.Code != want.Number {
			t.Errorf("closed with %v, want %d", err, want.Number)
		} else if want != websocket.TooBig && closed.Text != want.Text { // gorilla sends TooBig without a text
			t.Errorf("closed with the text %q, want %q", closed.Text, want.Text)
		}
		return
	}
}

// appCode is a close code of an application.
//
//nolint:errname // first of all a code
var appCode = websocket.CloseCode{Number: 4500, Text: "removed"}

// However this side closes, the peer gets the code, and the handler the same code as the cause, once.
func TestCloseByThisSide(t *testing.T) {
	t.Parallel()
	closeWith := func(c *websocket.Conn, data []byte, _ bool) {
		switch string(data) {
		case "panic":
			panic("on purpose")
		case "close":
			c.Send(websocket.Text([]byte("before")))
			c.Close(appCode)
			c.Close(websocket.Normal)               // no effect
			c.Send(websocket.Text([]byte("after"))) // no effect
		}
	}
	for name, test := range map[string]struct {
		kind int
		data string
		want websocket.CloseCode
	}{
		"too big":          {gorilla.TextMessage, strings.Repeat("x", 1001), websocket.TooBig},
		"far too big":      {gorilla.TextMessage, strings.Repeat("x", 3_000_000), websocket.TooBig},
		"not UTF-8":        {gorilla.TextMessage, "\xff\xfe", websocket.NotUTF8},
		"panic":            {gorilla.TextMessage, "panic", websocket.Internal},
		"application code": {gorilla.TextMessage, "close", appCode},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newRecorder(closeWith)
			s, url := serve(t, websocket.Config{MaxMessage: 1000}, h)
			conn := dial(t, url)
			go func() { _ = conn.WriteMessage(test.kind, []byte(test.data)) }()
			if test.data == "close" {
				if got := read(t, conn); got != "before" {
					t.Errorf("the message before the close is %q", got)
				}
				if kind, data, err := conn.ReadMessage(); err == nil {
					t.Errorf("received message of kind %d after the close: %q", kind, data)
				} else if !gorilla.IsCloseError(err, appCode.Number) {
					t.Errorf("closed with %v", err)
				}
			} else {
				checkClose(t, conn, test.want)
			}
			if cause := check.Receive(t, h.closed); !errors.Is(cause, test.want) {
				t.Errorf("the cause is %v", cause)
			}
			_ = conn.Close()
			closeServer(t, s)
			if len(h.closed) > 0 {
				t.Error("Closed was called twice")
			}
		})
	}
}

func TestCloseByThePeer(t *testing.T) {
	t.Parallel()
	h := newRecorder(nil)
	_, url := serve(t, websocket.Config{}, h)
	conn := dial(t, url)
	payload := gorilla.FormatCloseMessage(4321, "bye")
	if err := conn.WriteControl(gorilla.CloseMessage, payload, time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var peer *websocket.PeerClose
	if cause := check.Receive(t, h.closed); !errors.As(cause, &peer) || peer.Code != 4321 || peer.Text != "bye" {
		t.Errorf("the cause is %v", cause)
	}
}

func TestABrokenConnectionHasNoCloseCode(t *testing.T) {
	t.Parallel()
	h := newRecorder(nil)
	_, url := serve(t, websocket.Config{}, h)
	if err := dial(t, url).UnderlyingConn().Close(); err != nil {
		t.Fatal(err)
	}
	cause := check.Receive(t, h.closed)
	var code websocket.CloseCode
	var peer *websocket.PeerClose
	if errors.As(cause, &code) || (errors.As(cause, &peer) && peer.Code != 1006) {
		t.Errorf("the cause is %v", cause)
	}
}

// Given a peer that answers no pings, when PongWait has passed, then it is closed. An older peer that answers stays connected.
func TestAPeerWithoutPongsIsClosed(t *testing.T) {
	t.Parallel()
	silent, answering := newRecorder(nil), newRecorder(echo)
	config := websocket.Config{PingPeriod: 20 * time.Millisecond, PongWait: 3 * time.Second}
	_, silentURL := serve(t, config, silent)
	_, answeringURL := serve(t, config, answering)
	alive := dial(t, answeringURL)
	alive.SetPingHandler(func(data string) error { // as by default, with a longer deadline
		return alive.WriteControl(gorilla.PongMessage, []byte(data), time.Now().Add(patience))
	})
	check.Receive(t, answering.opened)
	got := make(chan string, 1)
	go func() {
		_, data, _ := alive.ReadMessage() // also answers pings
		got <- string(data)
	}()
	mute := dial(t, silentURL)
	mute.SetPingHandler(func(string) error { return nil })
	go func() { _, _, _ = mute.ReadMessage() }()
	if cause := check.Receive(t, silent.closed); !errors.Is(cause, websocket.Codes{}.WithDefaults().PingTimeout) {
		t.Errorf("the cause of the silent peer is %v", cause)
	}
	if err := alive.WriteMessage(gorilla.TextMessage, []byte("alive")); err != nil {
		t.Fatal(err)
	}
	if text := check.Receive(t, got); text != "alive" {
		t.Errorf("got %q", text)
	}
}

// The codes of an application replace the defaults.
func TestCodesOfTheApplication(t *testing.T) {
	t.Parallel()
	h := newRecorder(nil)
	flooding := websocket.CloseCode{Number: 4002, Text: "slow down"}
	_, url := serve(t, websocket.Config{Pings: 1, Codes: websocket.Codes{Flooding: flooding}}, h)
	conn := dial(t, url)
	for range 2 {
		check.NoError(t, conn.WriteControl(gorilla.PingMessage, nil, time.Now().Add(patience)))
	}
	checkClose(t, conn, flooding)
	if cause := check.Receive(t, h.closed); !errors.Is(cause, flooding) {
		t.Errorf("the cause is %v", cause)
	}
}

func TestTheDefaultCodesAreDistinct(t *testing.T) {
	t.Parallel()
	codes := websocket.Codes{}.WithDefaults()
	seen := map[websocket.CloseCode]bool{}
	for _, code := range []websocket.CloseCode{
		websocket.Normal, websocket.Protocol, websocket.NotUTF8, websocket.TooBig, websocket.Internal, websocket.Restart,
		codes.TooSlow, codes.PingTimeout, codes.Flooding, codes.BadPacket, codes.Unused,
	} {
		if code.Text == "" || len(code.Text) > 123 || seen[code] {
			t.Errorf("%d has the text %q", code.Number, code.Text)
		}
		seen[code] = true
	}
}
