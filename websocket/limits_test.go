package websocket_test

import (
	"net/http"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/websocket"
)

// Requests with headers and URL above 64 KB are refused. 60 KB pass.
func TestLargeHeadersAreRefused(t *testing.T) {
	t.Parallel()
	_, url := serve(t, websocket.Config{}, newRecorder(nil))
	for name, c := range map[string]struct {
		query, cookie int
		status        int
	}{
		"60 KB of cookies": {0, 60 << 10, http.StatusSwitchingProtocols},
		"64 KB of cookies": {0, 64 << 10, http.StatusRequestHeaderFieldsTooLarge},
		"a URL of 64 KB":   {64 << 10, 0, http.StatusRequestHeaderFieldsTooLarge},
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
