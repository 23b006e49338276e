package closecode_test

import (
	"testing"

	"github.com/studycall/studycall/closecode"
	"github.com/studycall/studycall/websocket"
)

func TestTheRangeOfACodeSaysWhetherToReconnect(t *testing.T) {
	t.Parallel()
	reconnect := map[websocket.CloseCode]bool{
		closecode.TooSlow: true, closecode.RateLimited: true, closecode.Unused: true, closecode.PingTimeout: true,
		closecode.Removed: false, closecode.BadPacket: false,
	}
	numbers, texts := map[int]bool{}, map[string]bool{}
	for code, want := range reconnect {
		first := 4500
		if want {
			first = 4000
		}
		if code.Number < first || code.Number > first+499 || numbers[code.Number] {
			t.Errorf("%v is not in its range, or used twice", code)
		}
		if code.Text == "" || len(code.Text) > 123 || texts[code.Text] {
			t.Errorf("%d has the text %q", code.Number, code.Text)
		}
		numbers[code.Number], texts[code.Text] = true, true
	}
}
