package httpapi_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/httpapi"
)

func TestWhileStartingTheServerIsHealthyAndNotReady(t *testing.T) {
	t.Parallel()
	handler := httpapi.New(httpapi.Config{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	for path, want := range map[string]int{
		"/health": http.StatusOK,
		"/ready":  http.StatusServiceUnavailable,
		"/api/my-studies/study-123/video-call/status": http.StatusServiceUnavailable,
		"/nowhere": http.StatusServiceUnavailable,
	} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if answer.Code != want {
			t.Errorf("%s: %d, want %d", path, answer.Code, want)
		}
		if unavailable := want == http.StatusServiceUnavailable; unavailable != (answer.Header().Get("Retry-After") != "") ||
			unavailable != strings.Contains(answer.Body.String(), `"code":"SERVICE_UNAVAILABLE"`) {
			t.Errorf("%s: %v %s", path, answer.Header(), answer.Body)
		}
	}
}

func TestWhileDrainingNoCallIsStartedAndOtherRoutesWork(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.handler.Drain()
	for request, want := range map[string]int{
		"GET /health":              http.StatusOK,
		"GET /ready":               http.StatusServiceUnavailable,
		"POST " + calls + "start":  http.StatusServiceUnavailable,
		"GET " + calls + "status":  http.StatusOK,
		"GET " + calls + "history": http.StatusOK,
		"GET " + calls + "events":  http.StatusServiceUnavailable,
	} {
		method, path, _ := strings.Cut(request, " ")
		asked := httptest.NewRequestWithContext(t.Context(), method, path, nil)
		asked.Header.Set("X-User-Id", owner)
		answer := httptest.NewRecorder()
		s.handler.ServeHTTP(answer, asked)
		if answer.Code != want {
			t.Errorf("%s: %d %s, want %d", request, answer.Code, answer.Body, want)
		}
	}
	if n := s.events(t); n != 0 {
		t.Errorf("%d events were appended", n)
	}
}
