package engineio

import (
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/studycall/studycall/realtime/realtimetest"
)

// Given a request with headers of all kinds, then the connection keeps those that say who is calling; given more than 64 KB,
// there is no connection.
func TestWhatIsKeptOfARequest(t *testing.T) {
	t.Parallel()
	accepted := make(chan *http.Request, 1)
	s, url := serve(t, Config{}, func(_ *Conn, r *http.Request) Handler {
		accepted <- r
		return make(ended, 1)
	})
	open := func(headers http.Header) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"&userId=kim", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header, r.Close = headers, true
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode
	}
	want := http.Header{
		"Cookie": {"a=b"}, "Authorization": {"Bearer x"}, "X-User-Id": {"kim"}, "Origin": {"https://a.example"}, "Referer": {"https://a.example/x"},
		"Sec-Fetch-Site": {"same-origin"}, "Forwarded": {"for=1.2.3.4"}, "X-Forwarded-For": {"1.2.3.4", "5.6.7.8"},
		"X-Forwarded-Proto": {"https"}, "Accept-Language": {"ko, en"},
	}
	sent := want.Clone()
	sent.Set("X-Ballast", strings.Repeat("x", 60_000))
	sent.Set("User-Agent", "a browser")
	if status := open(sent); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	r := realtimetest.Receive(t, accepted)
	if !reflect.DeepEqual(r.Header, want) || r.URL.Query().Get("userId") != "kim" || r.Host == "" || r.RemoteAddr == "" {
		t.Errorf("kept %v of %v", r.Header, r.URL)
	}
	sent.Set("X-Ballast", strings.Repeat("x", 70_000))
	if status := open(sent); status != http.StatusRequestHeaderFieldsTooLarge || s.Len() != 1 {
		t.Errorf("status %d, %d connections", status, s.Len())
	}
}
