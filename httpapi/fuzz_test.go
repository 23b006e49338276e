package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
)

// FuzzRequests sends any request as any user through the whole service. No answer is a 5xx, a refusal has the error shape and
// changes nothing, and only a body that names the open session changes who is in it.
func FuzzRequests(f *testing.F) {
	s := newServer(f)
	open := s.start()
	users := []string{owner, admin, member, outsider, "", "\x00", strings.Repeat("u", 300)}
	for body := range malformed() {
		f.Add("POST", calls+"join", body, uint8(0), "en", "x")
	}
	for _, path := range []string{
		"start", "join", "leave", "status", "sessions/id-1", "sessions/%00", "sessions/a/b", "../x", "join?x=%zz", "%ff",
	} {
		f.Add("POST", calls+path, naming(open), uint8(2), "ko;q=0.1,en", "-1")
		f.Add("GET", calls+path, "", uint8(3), "*;q=\x00", "9x")
	}
	f.Add("GET", "/api/my-studies/%00/video-call/status", "", uint8(0), "", "0 ")
	f.Add("POST", "/api/my-studies/%ff/video-call/leave", naming(open), uint8(5), "", "")
	f.Add("PROPFIND", "*", "", uint8(6), "", "")
	f.Fuzz(func(t *testing.T, method, path, body string, user uint8, language, position string) {
		target, err := url.ParseRequestURI(path)
		if err != nil || method == "" || allDigits(position) {
			return // net/http refuses the first; a number may be ahead of the log, which is a 503
		}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		request.Method, request.URL, request.RequestURI = method, target, path
		request.Header = http.Header{
			"X-User-Id": {users[int(user)%len(users)]}, "Accept-Language": {language}, "Min-Event-Position": {position}, "X-Request-Id": {position},
		}
		before, leases, recorder := s.events(t), s.leases(t), httptest.NewRecorder()
		s.handler.ServeHTTP(recorder, request)
		got := answer{recorder.Code, recorder.Header(), recorder.Body.String()}
		if got.status >= http.StatusInternalServerError {
			t.Fatalf("%+v, logged %s", got, s.logged)
		}
		after := s.events(t)
		if got.status >= http.StatusBadRequest {
			var failure struct {
				Code string `json:"code"`
			}
			check.NoError(t, json.Unmarshal([]byte(got.body), &failure))
			refused(t, method+" "+path, got.status, failure.Code, got)
			if more := s.leases(t) - leases; after != before || more != 0 {
				t.Errorf("refused, but %d events were appended, and %d leases are new: %+v", after-before, more, got)
			}
		}
		named := strings.HasSuffix(target.Path, "/start") || strings.Contains(body, open) || strings.Contains(body, `\u`)
		if after != before && !named {
			t.Errorf("%d events were appended by %q", after-before, body)
		}
	})
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// serveQuery requests a path with a raw query string, which may be malformed.
func serveQuery(t *testing.T, s *server, path, query string) answer {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	request.URL.RawQuery = query
	request.Header.Set("X-User-Id", member)
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, request)
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}
