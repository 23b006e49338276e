package websocket_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/websocket"
)

// checkClose reads on until the peer is closed, and checks the code and its text.
func checkClose(t *testing.T, conn *gorilla.Conn, want websocket.CloseCode) {
	t.Helper()
	for {
		_, _, err := conn.ReadMessage()
		if err == nil {
			continue
		}
		var closed *gorilla.CloseError
		if !errors.As(err, &closed) || closed.Code != int(want) {
			t.Errorf("closed with %v, want %d", err, want)
		} else if want != websocket.TooBig && closed.Text != want.Reason() { // gorilla sends that one, without a text
			t.Errorf("closed with the text %q, want %q", closed.Text, want.Reason())
		}
		return
	}
}

// Every way in which this side closes: the peer hears the code, the handler the same code as the cause, once.
func TestThisSideCloses(t *testing.T) {
	t.Parallel()
	closeWith := func(c *websocket.Conn, data []byte, _ bool) {
		switch string(data) {
		case "panic":
			panic("on purpose")
		case "remove":
			c.Send(websocket.Text([]byte("first this")))
			c.Close(websocket.Removed)
			c.Close(websocket.Normal)                    // too late
			c.Send(websocket.Text([]byte("never this"))) // too late
		}
	}
	for name, test := range map[string]struct {
		kind int
		data string
		want websocket.CloseCode
	}{
		"too big":     {gorilla.TextMessage, strings.Repeat("x", 1001), websocket.TooBig},
		"far too big": {gorilla.TextMessage, strings.Repeat("x", 3_000_000), websocket.TooBig},
		"not UTF-8":   {gorilla.TextMessage, "\xff\xfe", websocket.NotUTF8},
		"panic":       {gorilla.TextMessage, "panic", websocket.Internal},
		"on purpose":  {gorilla.TextMessage, "remove", websocket.Removed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newRecorder(closeWith)
			s, url := serve(t, websocket.Config{MaxMessage: 1000}, h)
			conn := dial(t, url)
			go func() { _ = conn.WriteMessage(test.kind, []byte(test.data)) }()
			if test.data == "remove" {
				if got := read(t, conn); got != "first this" {
					t.Errorf("before the close came %q", got)
				}
				if kind, data, err := conn.ReadMessage(); err == nil {
					t.Errorf("after the close came %d %q", kind, data)
				} else if !gorilla.IsCloseError(err, int(websocket.Removed)) {
					t.Errorf("closed with %v", err)
				}
			} else {
				checkClose(t, conn, test.want)
			}
			if cause := wait(t, h.closed); !errors.Is(cause, test.want) {
				t.Errorf("the handler was told %v", cause)
			}
			_ = conn.Close()
			closeServer(t, s)
			if len(h.closed) > 0 {
				t.Error("the handler was told twice")
			}
		})
	}
}

func TestThePeerCloses(t *testing.T) {
	t.Parallel()
	h := newRecorder(nil)
	_, url := serve(t, websocket.Config{}, h)
	conn := dial(t, url)
	payload := gorilla.FormatCloseMessage(4321, "bye")
	if err := conn.WriteControl(gorilla.CloseMessage, payload, time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var peer *websocket.PeerClose
	if cause := wait(t, h.closed); !errors.As(cause, &peer) || peer.Code != 4321 || peer.Text != "bye" {
		t.Errorf("the handler was told %v", cause)
	}
}

func TestTheConnectionBreaks(t *testing.T) {
	t.Parallel()
	h := newRecorder(nil)
	_, url := serve(t, websocket.Config{}, h)
	if err := dial(t, url).UnderlyingConn().Close(); err != nil {
		t.Fatal(err)
	}
	cause := wait(t, h.closed)
	var code websocket.CloseCode
	var peer *websocket.PeerClose
	if errors.As(cause, &code) || (errors.As(cause, &peer) && peer.Code != 1006) {
		t.Errorf("the handler was told %v", cause)
	}
}

// Given a peer that answers no pings, when the time for it is over, then it is let go; one that answers and came before it stays.
func TestPings(t *testing.T) {
	t.Parallel()
	silent, lively := newRecorder(nil), newRecorder(echo)
	config := websocket.Config{PingPeriod: 20 * time.Millisecond, PongWait: 3 * time.Second}
	_, silentURL := serve(t, config, silent)
	_, livelyURL := serve(t, config, lively)
	alive := dial(t, livelyURL)
	alive.SetPingHandler(func(data string) error { // as by default, but however long that takes
		return alive.WriteControl(gorilla.PongMessage, []byte(data), time.Now().Add(patience))
	})
	wait(t, lively.opened)
	got := make(chan string, 1)
	go func() {
		_, data, _ := alive.ReadMessage() // answers pings meanwhile
		got <- string(data)
	}()
	quiet := dial(t, silentURL)
	quiet.SetPingHandler(func(string) error { return nil })
	go func() { _, _, _ = quiet.ReadMessage() }()
	if cause := wait(t, silent.closed); !errors.Is(cause, websocket.Silent) {
		t.Errorf("the handler of the silent peer was told %v", cause)
	}
	if err := alive.WriteMessage(gorilla.TextMessage, []byte("alive")); err != nil {
		t.Fatal(err)
	}
	if text := wait(t, got); text != "alive" {
		t.Errorf("got %q", text)
	}
}

func TestEveryCodeHasAReason(t *testing.T) {
	t.Parallel()
	reconnect := map[websocket.CloseCode]bool{
		websocket.Normal: false, websocket.Protocol: false, websocket.NotUTF8: false, websocket.TooBig: false,
		websocket.Internal: true, websocket.Restart: true, websocket.TooSlow: true, websocket.RateLimited: true,
		websocket.Removed: false, websocket.BadPacket: false, websocket.NotJoined: true, websocket.Silent: true,
	}
	reasons := map[string]bool{}
	for code, want := range reconnect {
		if code.Reconnect() != want {
			t.Errorf("%d: reconnect is %v", code, code.Reconnect())
		}
		if reason := code.Reason(); reason == "" || len(reason) > 123 || reasons[reason] {
			t.Errorf("%d: reason %q", code, reason)
		}
		reasons[code.Reason()] = true
	}
}
