package httpapi_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/httpapi"
)

func TestUnknownRoutesAndMethods(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, path := range []string{
		"/", "/api", calls, calls + "nothing", calls + "status/", calls + "sessions", calls + "sessions/",
		calls + "sessions/a/b", "//health", "/api/my-studies/study-123/video-call",
	} {
		refused(t, path, http.StatusNotFound, "ROUTE_NOT_FOUND", s.send(noOne, "GET", path, nil))
	}
	for path, allowed := range map[string]string{"start": "POST", "join": "POST", "leave": "POST", "status": "GET, HEAD", "sessions/x": "GET, HEAD"} {
		got := s.ask(owner, "DELETE", path, "")
		refused(t, path, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", got)
		for method := range strings.SplitSeq(allowed, ", ") {
			if allow := got.header.Get("Allow"); !strings.Contains(allow, method) {
				t.Errorf("%s: Allow %q lacks %s", path, allow, method)
			}
		}
	}
}

func TestHeadAndOptions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	got := s.ask(owner, "HEAD", "status", "")
	if got.status != http.StatusOK || got.body != "" || got.header.Get("Event-Position") != "0" {
		t.Errorf("HEAD: %+v", got)
	}
	if got = s.ask(noOne, "HEAD", "status", ""); got.status != http.StatusUnauthorized {
		t.Errorf("HEAD of nobody: %+v", got)
	}
	if got = s.ask(noOne, "HEAD", "start", ""); got.status != http.StatusMethodNotAllowed {
		t.Errorf("HEAD of a command: %+v", got)
	}
	got = s.ask(noOne, "OPTIONS", "start", "")
	if got.status != http.StatusNoContent || !strings.Contains(got.header.Get("Allow"), "POST") {
		t.Errorf("OPTIONS: %+v", got)
	}
	refused(t, "OPTIONS", http.StatusNotFound, "ROUTE_NOT_FOUND", s.ask(noOne, "OPTIONS", "nothing", ""))
}

func TestBodiesOverTheLimit(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	before := s.events(t)
	const limit = 1 << 20
	for _, path := range []string{"start", "join", "leave"} {
		sized := strings.NewReader(strings.Repeat(" ", limit+1))
		refused(t, path, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE", s.send(owner, "POST", calls+path, sized))
		chunked := io.MultiReader(strings.NewReader(strings.Repeat(" ", limit+1)))
		refused(t, path+" chunked", http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE", s.send(owner, "POST", calls+path, chunked))
	}
	if after := s.events(t); after != before {
		t.Errorf("%d events were appended", after-before)
	}
	body := naming("id-1")
	body += strings.Repeat(" ", limit-len(body))
	if got := s.ask(owner, "POST", "join", body); got.status != http.StatusCreated {
		t.Errorf("a body of exactly the limit: %+v", got)
	}
}

// panicking panics when a command is carried out.
type panicking struct{ httpapi.Commands }

func (panicking) StartSession(context.Context, commands.StartSession) (commands.Started, error) {
	panic("the secret of the database")
}

func TestAPanicIsAServerErrorAndLoggedOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *setup) { c.Commands = panicking{} })
	got := s.ask(owner, "POST", "start", "", "X-Request-Id", "request-7")
	if details := refused(t, "start", http.StatusInternalServerError, "SERVER_ERROR", got); len(details) > 0 {
		t.Errorf("details %v", details)
	}
	if strings.Contains(got.body, "secret") {
		t.Errorf("the answer shows the panic: %s", got.body)
	}
	log := s.logged.String()
	for _, want := range []string{`"level":"ERROR"`, "the secret of the database", "handling_test.go", `"requestId":"request-7"`} {
		if strings.Count(log, want) != 1 {
			t.Errorf("%q is not in the log once: %s", want, log)
		}
	}
	if got = s.ask(owner, "GET", "status", ""); got.status != http.StatusOK {
		t.Errorf("afterwards: %+v", got)
	}
}

func TestAClosedConnectionIsNoError(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, route := range []string{"start", "join", "leave"} {
		request := httptest.NewRequestWithContext(ctx, "POST", calls+route, strings.NewReader(naming("id-1")))
		request.Header.Set("X-User-Id", owner)
		s.handler.ServeHTTP(httptest.NewRecorder(), request)
	}
	if s.logged.String() != "" || s.events(t) != 0 {
		t.Errorf("%d events, and logged: %s", s.events(t), s.logged)
	}
}

func TestEveryRequestIsOneLogLineAtDebug(t *testing.T) {
	t.Parallel()
	var log logged
	handler := setup{Config: httpapi.Config{
		Authenticator: believing{}, Now: fixedNow, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}}.open()
	serve(t, handler, "GET", calls+"status?token=secret", "", http.Header{"X-Request-Id": {"request-7"}})
	for _, want := range []string{
		"level=DEBUG", "method=GET", "route=/api/my-studies/:studyId/video-call/status", "status=401", "duration=", "requestId=request-7",
	} {
		if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, want) || strings.Contains(text, "secret") {
			t.Errorf("want %s in one line without secrets: %s", want, text)
		}
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if got := s.ask(owner, "GET", "status", "", "X-Request-Id", "abc-1").header.Get("X-Request-Id"); got != "abc-1" {
		t.Errorf("got %q", got)
	}
	for _, id := range []string{"", "two words", "ümlaut", strings.Repeat("x", 65)} {
		if got := s.ask(owner, "GET", "status", "", "X-Request-Id", id).header.Get("X-Request-Id"); got == id || got == "" {
			t.Errorf("%q became %q", id, got)
		}
	}
}
