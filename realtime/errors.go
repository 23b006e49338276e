package realtime

import (
	"context"
	"errors"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/realtime/recording"
)

// errNotInRoom is the error for a room that the client is not in.
var errNotInRoom = &domain.Error{Code: domain.PermissionDenied, Details: map[string]any{
	"field": "roomId", "reason": "must be a room that this socket has joined",
}}

// unknownEvent is the error for an event without a handler.
func unknownEvent() *domain.Error {
	return &domain.Error{Code: domain.InvalidRequest, Details: map[string]any{"field": "event", "reason": "is not known"}}
}

// toClient is the one place where errors become what a client sees. An unexpected error is domain.ServerError.
func toClient(err error) *domain.Error {
	var known *domain.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, recording.ErrFull), errors.Is(err, recording.ErrClosed), retryable(err):
		return &domain.Error{Code: domain.ServiceUnavailable}
	default:
		return &domain.Error{Code: domain.ServerError}
	}
}

// retryable reports whether the same attempt may succeed later: a database is unavailable, or the attempt was cancelled.
func retryable(err error) bool {
	return errors.Is(err, eventstore.ErrUnavailable) || errors.Is(err, eventstore.ErrClosed) ||
		errors.Is(err, membership.ErrUnavailable) || errors.Is(err, context.Canceled) || postgres.Unavailable(err)
}

// final reports whether no later attempt can succeed, because the call itself refuses it.
func final(err error) bool { return errors.As(err, new(*domain.Error)) }
