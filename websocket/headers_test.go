package websocket_test

import (
	"net/http"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/websocket"
)

// Given headers or an address of more than 64 KB, when a WebSocket is asked for, then that is refused; 60 KB pass.
func TestLargeHeadersAreRefused(t *testing.T) {
	t.Parallel()
	_, url := serve(t, websocket.Config{}, newRecorder(nil))
	for name, c := range map[string]struct {
		query, cookie int
		status        int
	}{
		"60 KB of cookies":    {0, 60 << 10, http.StatusSwitchingProtocols},
		"64 KB of cookies":    {0, 64 << 10, http.StatusRequestHeaderFieldsTooLarge},
		"64 KB of an address": {64 << 10, 0, http.StatusRequestHeaderFieldsTooLarge},
	} {
		conn, answer, err := gorilla.DefaultDialer.DialContext(t.Context(), url+"?"+strings.Repeat("q", c.query),
			http.Header{"Cookie": {strings.Repeat("c", c.cookie)}})
		if answer == nil {
			t.Fatalf("%s: %v", name, err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != c.status {
			t.Errorf("%s: %d", name, answer.StatusCode)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}
