package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/feed"
	"github.com/studycall/studycall/language"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/projections"
)

const (
	// retryAfter is what a 503 asks for, in seconds: a database that fails over or restarts is back in about that time.
	retryAfter = 2
	// retryAfterDetail is the detail of a 429 that says how many seconds to wait.
	retryAfterDetail = "retryAfter"
)

// errTooLarge is a body beyond the limit.
var errTooLarge = &domain.Error{Code: domain.PayloadTooLarge, Details: map[string]any{"field": "body", "limit": bodyLimit}}

// bodyError is an error about something that the request's body names, so that 404, which speaks of the path, is not the
// answer.
type bodyError struct{ error }

// Unwrap gives the error itself.
func (e bodyError) Unwrap() error { return e.error }

// toClient is the one place where errors become statuses: the status, and what the client gets to know. Whatever is not
// expected is a SERVER_ERROR without details.
func toClient(err error) (int, *domain.Error) {
	known := expected(err)
	status := statusOf(known.Code)
	if errors.As(err, new(bodyError)) && status == http.StatusNotFound {
		status = http.StatusBadRequest
	}
	return status, known
}

func expected(err error) *domain.Error {
	var known *domain.Error
	var routing *echo.HTTPError
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, auth.ErrUnauthenticated):
		return &domain.Error{Code: domain.AuthRequired}
	case errors.As(err, &routing) && routing.Code == http.StatusNotFound:
		return &domain.Error{Code: domain.RouteNotFound}
	case errors.As(err, &routing) && routing.Code == http.StatusMethodNotAllowed:
		return &domain.Error{Code: domain.MethodNotAllowed}
	case unavailable(err):
		return &domain.Error{Code: domain.ServiceUnavailable}
	default:
		return &domain.Error{Code: domain.ServerError}
	}
}

// unavailable reports whether the same request may well succeed a little later.
func unavailable(err error) bool {
	return errors.Is(err, eventstore.ErrUnavailable) || errors.Is(err, eventstore.ErrClosed) ||
		errors.Is(err, projections.ErrUnavailable) || errors.Is(err, membership.ErrUnavailable) ||
		errors.Is(err, feed.ErrNotFollowing) || errors.Is(err, context.Canceled) || postgres.Unavailable(err)
}

func statusOf(code domain.Code) int {
	switch code {
	case domain.InvalidRequest, domain.SessionIsOver:
		return http.StatusBadRequest
	case domain.AuthRequired:
		return http.StatusUnauthorized
	case domain.PermissionDenied, domain.NotStudyMember:
		return http.StatusForbidden
	case domain.SessionNotFound, domain.ParticipantNotFound, domain.UserNotFound, domain.RouteNotFound:
		return http.StatusNotFound
	case domain.MethodNotAllowed:
		return http.StatusMethodNotAllowed
	case domain.RoomFull, domain.ScreenShareTaken:
		return http.StatusConflict
	case domain.PayloadTooLarge:
		return http.StatusRequestEntityTooLarge
	case domain.RateLimited:
		return http.StatusTooManyRequests
	case domain.ServiceUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// fail logs an error if it has to be, and answers with it unless an answer has begun.
func (s *Server) fail(c echo.Context, err error) {
	status, _ := toClient(err)
	s.logFailure(c, status, err)
	if !c.Response().Committed {
		_ = answerFailure(c.Response(), c.Request(), err)
	}
}

// answerFailure is the answer to a request that failed. The error is that the caller is gone.
func answerFailure(w http.ResponseWriter, r *http.Request, err error) error {
	status, known := toClient(err)
	answer := api.NewError(known, language.Speak(w.Header(), r))
	wait := answer.Details[retryAfterDetail]
	if status == http.StatusServiceUnavailable {
		wait = retryAfter
	}
	if wait != nil {
		w.Header().Set(echo.HeaderRetryAfter, fmt.Sprint(wait))
	}
	w.Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(answer)
}

// logFailure logs what an operator has to know of: our own mistakes and a database that is away, but neither what a
// client did wrong nor that it went away.
func (s *Server) logFailure(c echo.Context, status int, err error) {
	ctx := c.Request().Context()
	if errors.As(err, new(*domain.Error)) || status < http.StatusInternalServerError || errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	level := slog.LevelError
	if status == http.StatusServiceUnavailable {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.Any("error", err), slog.String("method", c.Request().Method), slog.String("route", c.Path()),
		slog.String("requestId", c.Response().Header().Get(echo.HeaderXRequestID)),
	}
	if p := (panicked{}); errors.As(err, &p) {
		attrs = append(attrs, slog.String("stack", string(p.Stack)))
	}
	s.Log.LogAttrs(ctx, level, "request failed", attrs...)
}
