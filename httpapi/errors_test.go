package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/httpapi"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/projections"
)

// failing fails every command with the error. It is also a membership directory in which every user is an active member.
type failing struct{ err error }

func (f failing) StartSession(context.Context, commands.StartSession) (commands.Started, error) {
	return commands.Started{}, f.err
}

func (f failing) Join(context.Context, presence.Join) (commands.Joined, error) {
	return commands.Joined{}, f.err
}

func (f failing) Leave(context.Context, presence.Leave) (int64, error) { return 0, f.err }

func (failing) ActiveMember(context.Context, string, string) error { return nil }

func (failing) SelfOrStaff(context.Context, string, string, string) error { return nil }

func (failing) EverMember(context.Context, string, string) error { return nil }

func (failing) Account(_ context.Context, id string) (membership.User, error) {
	return membership.User{ID: id, Status: "ACTIVE"}, nil
}

func (f failing) Ready(context.Context) (any, error) { return map[string]int{"lag": 3}, f.err }

// edge is a server over commands that fail, without a database.
func (f failing) edge(log *logged) http.Handler {
	return setup{
		httpapi.Config{Authenticator: believing{}, Now: fixedNow, Log: slog.New(slog.NewTextHandler(log, nil))},
		httpapi.Services{Commands: f, Presence: f, Access: f, Readiness: f},
	}.open()
}

// serve sends a request to the handler without a network.
func serve(t *testing.T, handler http.Handler, method, path, body string, header http.Header) answer {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	request.Header = header
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}

func TestEveryErrorInBothLanguages(t *testing.T) {
	t.Parallel()
	type shown struct {
		Status     int             `json:"status"`
		RetryAfter string          `json:"retryAfter"`
		Korean     json.RawMessage `json:"ko"`
		English    json.RawMessage `json:"en"`
	}
	var all []shown
	var log logged
	for _, code := range []domain.Code{
		domain.AuthRequired, domain.PermissionDenied, domain.NotStudyMember, domain.SessionNotFound, domain.SessionIsOver,
		domain.ParticipantNotFound, domain.UserNotFound, domain.InvalidRequest, domain.RoomFull, domain.ScreenShareTaken,
		domain.RouteNotFound, domain.MethodNotAllowed, domain.PayloadTooLarge, domain.RateLimited, domain.ServerError,
		domain.ServiceUnavailable,
	} {
		// Wrapped, as it would be on its way up.
		err := fmt.Errorf("start: %w", &domain.Error{Code: code, Details: map[string]any{"field": "x"}})
		handler := failing{err}.edge(&log)
		korean := serve(t, handler, "POST", calls+"start", "", http.Header{"X-User-Id": {owner}})
		english := serve(t, handler, "POST", calls+"start", "", http.Header{"X-User-Id": {owner}, "Accept-Language": {"en"}})
		all = append(all, shown{korean.status, korean.header.Get("Retry-After"), json.RawMessage(korean.body), json.RawMessage(english.body)})
	}
	encoded, err := json.Marshal(all)
	check.NoError(t, err)
	golden(t, "errors", http.StatusOK, answer{http.StatusOK, http.Header{"Content-Type": {"application/json"}}, string(encoded)})
	if log.String() != "" {
		t.Errorf("mistakes of clients are logged: %s", &log)
	}
}

func TestInternalErrorsAreLoggedOnceAndNotShown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		level  string
	}{
		{errors.New("the secret"), http.StatusInternalServerError, "ERROR"},
		{fmt.Errorf("the secret: %w", eventstore.ErrConflict), http.StatusInternalServerError, "ERROR"},
		{fmt.Errorf("the secret: %w", eventstore.ErrUnavailable), http.StatusServiceUnavailable, "WARN"},
		{fmt.Errorf("the secret: %w", eventstore.ErrClosed), http.StatusServiceUnavailable, "WARN"},
		{fmt.Errorf("the secret: %w", projections.ErrUnavailable), http.StatusServiceUnavailable, "WARN"},
		{fmt.Errorf("the secret: %w", context.DeadlineExceeded), http.StatusServiceUnavailable, "WARN"},
		{fmt.Errorf("the secret: %w", context.Canceled), http.StatusServiceUnavailable, "WARN"},
	} {
		for _, route := range []string{"start", "join", "leave"} {
			var log logged
			got := serve(t, failing{c.err}.edge(&log), "POST", calls+route, naming("x"), http.Header{"X-User-Id": {owner}})
			if got.status != c.status || strings.Contains(got.body, "secret") || !strings.Contains(got.body, `"details":{}`) {
				t.Errorf("%s, %v: %+v", route, c.err, got)
			}
			if again := got.header.Get("Retry-After") != ""; again != (c.status == http.StatusServiceUnavailable) {
				t.Errorf("%s, %v: Retry-After %q", route, c.err, got.header.Get("Retry-After"))
			}
			if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "level="+c.level) || !strings.Contains(text, "the secret") {
				t.Errorf("%s, %v: logged %s", route, c.err, text)
			}
		}
	}
}

func TestHealthAndReadiness(t *testing.T) {
	t.Parallel()
	var log logged
	up, down := failing{}.edge(&log), failing{errors.New("the secret")}.edge(&log)
	golden(t, "health", http.StatusOK, serve(t, up, "GET", "/health", "", nil))
	golden(t, "health", http.StatusOK, serve(t, down, "GET", "/health", "", nil))
	golden(t, "ready", http.StatusOK, serve(t, up, "GET", "/ready", "", nil))
	if log.String() != "" {
		t.Errorf("logged: %s", &log)
	}
	golden(t, "ready_not", http.StatusServiceUnavailable, serve(t, down, "GET", "/ready", "", nil))
	if !bytes.Contains([]byte(log.String()), []byte("the secret")) {
		t.Error("the reason is not logged")
	}
}

func TestTheLanguageOfMessages(t *testing.T) {
	t.Parallel()
	handler := failing{}.edge(&logged{})
	for header, want := range map[string]string{
		"": "ko", "ko": "ko", "en": "en", "EN-us": "en", "en-GB,en;q=0.9,ko;q=0.8": "en", "ko-KR,ko;q=0.9,en;q=0.8": "ko",
		"ko;q=0.2, en;q=0.7": "en", "en;q=0.2, ko;q=0.7": "ko", "en;q=0": "ko", "fr, en;q=0.1": "en", "fr": "ko", "*": "ko",
		"en, ko": "en", "ko, en": "ko", "!!!, en": "en", "en;q=x, en;q=0.5": "en", "en;q=NaN": "ko", ",,;;==": "ko",
		"\x00\xff": "ko", strings.Repeat("-", 5000): "ko", strings.Repeat("a,", 5000) + "en": "ko", "zz-invalid, en-US": "en",
	} {
		got := serve(t, handler, "GET", calls+"status", "", http.Header{"Accept-Language": {header}})
		english := strings.Contains(got.body, "Authentication")
		if got.status != http.StatusUnauthorized || got.header.Get("Content-Language") != want ||
			!slices.Contains(got.header.Values("Vary"), "Accept-Language") || english != (want == "en") {
			t.Errorf("%q: %+v, want %s", header, got, want)
		}
	}
	got := serve(t, handler, "GET", calls+"status", "", http.Header{"Accept-Language": {"fr", "en"}})
	if got.header.Get("Content-Language") != "en" {
		t.Errorf("two header lines: %+v", got)
	}
}
