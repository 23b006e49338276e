package httpapi

import (
	"context"
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
	// retryAfter is the Retry-After of a 503 in seconds: about the time in which a database fails over or restarts.
	retryAfter = 2
	// retryAfterDetail is the detail of a 429 with the wait in seconds.
	retryAfterDetail = "retryAfter"
)

// errTooLarge refuses a body over the limit.
var errTooLarge = &domain.Error{Code: domain.PayloadTooLarge, Details: map[string]any{"field": "body", "limit": bodyLimit}}

// bodyError is an error about an object that the request's body names. It is answered with 400 instead of 404, because 404 is
// about the path.
type bodyError struct{ error }

// Unwrap returns the error itself.
func (e bodyError) Unwrap() error { return e.error }

// toClient is the one place where errors become statuses. It returns the status and the error that the client sees. An unexpected
// error is a SERVER_ERROR without details.
func toClient(err error) (int, *domain.Error) {
	known := expected(err)
	status := statusOf(known.Code)
	if errors.As(err, new(bodyError)) && status == http.StatusNotFound {
		status = http.StatusBadRequest
	}
	return status, known
}

// expected returns the client's view of an error.
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

// unavailable reports whether the same request may succeed a little later.
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

// fail logs an error if it has to be logged, and answers with it unless an answer has begun. After a panic of a stream's handler
// it is not known whether an answer has begun, so the connection is closed.
func (s *Server) fail(c echo.Context, r route, err error) {
	status, known := toClient(err)
	s.logFailure(c, status, err)
	if _, is := errors.AsType[panicked](err); is && r.stream {
		panic(http.ErrAbortHandler)
	}
	if c.Response().Committed {
		return
	}
	header := c.Response().Header()
	answer := api.NewError(known, language.Speak(header, c.Request()))
	wait := answer.Details[retryAfterDetail]
	if status == http.StatusServiceUnavailable {
		wait = retryAfter
	}
	if wait != nil {
		header.Set(echo.HeaderRetryAfter, fmt.Sprint(wait))
	}
	header.Del(eventPosition)  // a failure rests on no event
	_ = c.JSON(status, answer) // fails only if the connection is closed
}

// logFailure logs what an operator must know: errors of the program, and a database that is unavailable. It does not log
// mistakes of clients, nor that a client closed its connection.
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
	if p, ok := errors.AsType[panicked](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.Stack)))
	}
	s.Log.LogAttrs(ctx, level, "request failed", attrs...)
}
