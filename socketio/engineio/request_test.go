package engineio

import (
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
)

// A connection keeps few headers of its first request: the usual ones, and those of Config.KeepHeaders. Given more than 64 KB of
// headers, the request is refused.
func TestHeadersThatAreKept(t *testing.T) {
	t.Parallel()
	accepted := make(chan *http.Request, 1)
	s, url := serve(t, Config{KeepHeaders: []string{"X-Tenant"}}, func(_ *Conn, r *http.Request) Handler {
		accepted <- r
		return make(ended, 1)
	})
	open := func(headers http.Header) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"&tenant=kim", nil)
		check.NoError(t, err)
		r.Header, r.Close = headers, true
		answer, err := http.DefaultClient.Do(r)
		check.NoError(t, err)
		defer answer.Body.Close()
		_, err = io.Copy(io.Discard, answer.Body)
		check.NoError(t, err)
		return answer.StatusCode
	}
	want := http.Header{
		"Cookie": {"a=b"}, "Authorization": {"Bearer x"}, "X-Tenant": {"kim"}, "Origin": {"https://a.example"}, "Referer": {"https://a.example/x"},
		"Sec-Fetch-Site": {"same-origin"}, "Forwarded": {"for=1.2.3.4"}, "X-Forwarded-For": {"1.2.3.4", "5.6.7.8"},
		"X-Forwarded-Proto": {"https"}, "Accept-Language": {"ko, en"},
	}
	sent := want.Clone()
	sent.Set("X-Padding", strings.Repeat("x", 60_000))
	sent.Set("User-Agent", "browser")
	if status := open(sent); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	r := check.Receive(t, accepted)
	if !reflect.DeepEqual(r.Header, want) || r.URL.Query().Get("tenant") != "kim" || r.Host == "" || r.RemoteAddr == "" {
		t.Errorf("kept %v of %v", r.Header, r.URL)
	}
	sent.Set("X-Padding", strings.Repeat("x", 70_000))
	if status := open(sent); status != http.StatusRequestHeaderFieldsTooLarge || len(s.conns) != 1 {
		t.Errorf("status %d, %d connections", status, len(s.conns))
	}
}
