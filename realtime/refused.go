package realtime

import (
	"context"
	"errors"
	"log/slog"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
)

// errNotInRoom is about a room that the client is not in.
var errNotInRoom = &domain.Error{Code: domain.PermissionDenied, Details: map[string]any{
	"field": "roomId", "reason": "must be a room that this socket has joined",
}}

// toClient is the one place where errors become what a client is told. Whatever is not expected is a SERVER_ERROR.
func toClient(err error) *domain.Error {
	var known *domain.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, errRecorderFull), errors.Is(err, errRecorderStopped), away(err):
		return &domain.Error{Code: domain.ServiceUnavailable}
	default:
		return &domain.Error{Code: domain.ServerError}
	}
}

// refuse tells a client that what it asked for is not done: by an error event and, if it asked for one, the ack. The event
// gives details only where they tell the people at the screen what the code alone does not: who shares.
func (s *Server) refuse(c *client, err error, ack answer) {
	known := toClient(err)
	if known.Code == domain.ServerError {
		s.Log.LogAttrs(context.Background(), slog.LevelError, "a message failed",
			slog.Any("error", err), slog.String("socketId", c.id), slog.String("userId", c.user.ID))
	}
	told := api.SocketError{Message: known.Code.Message(c.language), Code: known.Code}
	if known.Code == domain.ScreenShareTaken {
		told.Details = known.Details
	}
	c.send(newMessage(eventError, told))
	acknowledge(c, ack, known)
}

// acknowledge answers a message: with what was wrong, or that nothing was.
func acknowledge(c *client, ack answer, refused *domain.Error) {
	switch {
	case ack == nil:
	case refused == nil:
		ack(encode(okAck{OK: true}))
	default:
		ack(encode(api.RefusedAck{Code: refused.Code, Message: refused.Code.Message(c.language), Details: refused.Details}))
	}
}
