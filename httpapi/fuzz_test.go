package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzRequests sends anything through the whole service: it is never a 5xx, a refusal is in the contract's shape and
// leaves the log alone, and only a body that names the open session changes who is in it.
func FuzzRequests(f *testing.F) {
	w := newWorld(f)
	open := w.start()
	for body := range malformed() {
		f.Add("POST", calls+"join", body, owner, "en", "x")
	}
	for _, path := range []string{
		"start", "join", "leave", "status", "sessions/id-1", "sessions/%00", "sessions/a/b", "../x", "join?x=%zz", "%ff",
	} {
		f.Add("POST", calls+path, naming(open), member, "ko;q=0.1,en", "-1")
		f.Add("GET", calls+path, "", outsider, "*;q=\x00", "9x")
	}
	f.Add("GET", "/api/my-studies/%00/video-call/status", "", owner, "", "0 ")
	f.Add("POST", "/api/my-studies/%ff/video-call/leave", naming(open), "\x00", "", "")
	f.Add("PROPFIND", "*", "", strings.Repeat("u", 300), "", "")
	f.Fuzz(func(t *testing.T, method, path, body, user, language, position string) {
		target, err := url.ParseRequestURI(path)
		if err != nil || method == "" || allDigits(position) {
			return // net/http refuses the first; a number may be ahead of the log, which is a 503
		}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		request.Method, request.URL, request.RequestURI = method, target, path
		request.Header = http.Header{
			"X-User-Id": {user}, "Accept-Language": {language}, "Min-Event-Position": {position}, "X-Request-Id": {position},
		}
		before, recorder := w.events(t), httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, request)
		got := answer{recorder.Code, recorder.Header(), recorder.Body.String()}
		if got.status >= http.StatusInternalServerError {
			t.Fatalf("%+v, logged %s", got, w.logged)
		}
		after := w.events(t)
		if got.status >= http.StatusBadRequest {
			var failure struct {
				Code string `json:"code"`
			}
			must(t, json.Unmarshal([]byte(got.body), &failure))
			refused(t, method+" "+path, got.status, failure.Code, got)
			if after != before {
				t.Errorf("refused, but %d events were appended: %+v", after-before, got)
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

// serveQuery asks for a path with a raw query string, whatever is in it.
func serveQuery(t *testing.T, w *world, path, query string) answer {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	request.URL.RawQuery = query
	request.Header.Set("X-User-Id", member)
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, request)
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}
