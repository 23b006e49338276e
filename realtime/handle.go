package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sourcegraph/conc/panics"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/closecode"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/realtime/recording"
	"github.com/studycall/studycall/websocket"
)

// errNotInRoom is the error for a room that the client is not in.
var errNotInRoom = &domain.Error{Code: domain.PermissionDenied, Details: map[string]any{
	"field": "roomId", "reason": "must be a room that this socket has joined",
}}

// handler processes one message of a client. It parses the message, calls the room, and records. It may wait for the client's own
// work, never for another client. An error is sent to the client; without one the handler answers the ack itself, at once or
// later. ctx ends after the connection's last handler, or when the server closes.
type handler func(ctx context.Context, c *client, data json.RawMessage, ack answer) error

// newHandlers is the one list of the events that clients may send.
func (s *Server) newHandlers() map[string]handler {
	return map[string]handler{
		eventJoinRoom:         s.joinRoom,
		eventLeaveRoom:        s.leaveRoom,
		eventOffer:            relayed(eventOffer, "offer"),
		eventAnswer:           relayed(eventAnswer, "answer"),
		eventCandidate:        relayed(eventCandidate, "candidate"),
		eventToggleAudio:      s.toggled(domain.Muted, "isMuted"),
		eventToggleVideo:      s.toggled(domain.CameraOff, "isVideoOff"),
		eventScreenShareStart: s.shared(true),
		eventScreenShareStop:  s.shared(false),
		eventSpeaking:         s.speaking,
		eventChatMessage:      s.chatMessage,
		eventChatFile:         s.chatFile,
		eventJoinStudy:        s.joinLobby,
	}
}

// handle processes one message of a client: it applies the limits and calls the handler. bytes is the size of the message. The
// client's connection calls it, one call at a time.
func (s *Server) handle(c *client, event string, data json.RawMessage, bytes int, ack answer) {
	joins := event == eventJoinRoom || event == eventJoinStudy
	switch c.limits.take(time.Now(), bytes, joins) {
	case refuse:
		s.refuse(c, &domain.Error{Code: domain.RateLimited}, ack)
		return
	case drop:
		acknowledge(c, ack, &domain.Error{Code: domain.RateLimited})
		return
	case hangUp:
		s.hangUp(c, closecode.RateLimited)
		return
	case admit:
	}
	do, known := s.handlers[event]
	if !known {
		// Other pages of the web app use the same socket for events of their own. An error event would disturb them.
		acknowledge(c, ack, toClient(api.Invalid("event", "is not known")))
		return
	}
	if err := s.call(do, c, data, ack); err != nil {
		s.refuse(c, err, ack)
	}
}

// call calls a handler and turns a panic into an error, so that one client's message cannot end other clients' calls.
func (s *Server) call(do handler, c *client, data json.RawMessage, ack answer) error {
	var err error
	recovered := panics.Try(func() { err = do(c.ctx, c, data, ack) })
	if recovered == nil {
		return err
	}
	err = fmt.Errorf("panic: %v", recovered.Value)
	s.Log.LogAttrs(c.ctx, slog.LevelError, "a handler panicked",
		slog.Any("error", err), slog.String("stack", string(recovered.Stack)))
	return err
}

// refuse sends a client the error of its message: as an error event and, if the client asked for one, as the ack. The event has
// details only where they add to the code: who shares.
func (s *Server) refuse(c *client, err error, ack answer) {
	known := toClient(err)
	if known.Code == domain.ServerError {
		s.Log.Error("a message failed", "error", err, "socketId", c.id, "userId", c.user.ID)
	}
	shape := api.SocketError{Message: known.Code.Message(c.language), Code: known.Code}
	if known.Code == domain.ScreenShareTaken {
		shape.Details = known.Details
	}
	c.send(newMessage(eventError, shape))
	acknowledge(c, ack, known)
}

// acknowledge answers a message with its error; nil is success.
func acknowledge(c *client, ack answer, err *domain.Error) {
	switch {
	case ack == nil:
	case err == nil:
		ack(encode(okAck{OK: true}))
	default:
		ack(encode(api.RefusedAck{Code: err.Code, Message: err.Code.Message(c.language), Details: err.Details}))
	}
}

// hangUp closes a client's connection.
func (s *Server) hangUp(c *client, code websocket.CloseCode) {
	s.Log.Debug("closing a socket", "socketId", c.id, "userId", c.user.ID, "reason", code.Text)
	c.link.close(code)
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
