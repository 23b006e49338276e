package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/studycall/studycall/closecode"
	"github.com/studycall/studycall/domain"
)

// handler does what a message asks for. It may wait for what its client waits for, never for other clients. If it gives an
// error, the client is told; otherwise it answers the ack itself, perhaps later.
type handler func(s *Server, c *client, data json.RawMessage, ack answer) error

// handlers is the one list of what clients may send.
func handlers() map[string]handler {
	return map[string]handler{
		eventJoinRoom:         (*Server).joinRoom,
		eventLeaveRoom:        (*Server).leaveRoom,
		eventOffer:            relayed(eventOffer, "offer"),
		eventAnswer:           relayed(eventAnswer, "answer"),
		eventCandidate:        relayed(eventCandidate, "candidate"),
		eventToggleAudio:      (*Server).toggleAudio,
		eventToggleVideo:      (*Server).toggleVideo,
		eventScreenShareStart: (*Server).startScreenShare,
		eventScreenShareStop:  (*Server).stopScreenShare,
		eventSpeaking:         (*Server).speaking,
		eventChatMessage:      (*Server).chatMessage,
		eventChatFile:         (*Server).chatFile,
		eventJoinStudy:        (*Server).joinStudy,
	}
}

// handle deals with one message of a client's, of some bytes. It is called by the client's connection, one call at a time.
func (s *Server) handle(c *client, event string, data json.RawMessage, bytes int, ack answer) {
	joins := event == eventJoinRoom || event == eventJoinStudy
	switch c.limits.take(time.Now(), bytes, joins) {
	case tell:
		s.refuse(c, &domain.Error{Code: domain.RateLimited}, ack)
		return
	case drop:
		acknowledge(c, ack, &domain.Error{Code: domain.RateLimited})
		return
	case hangUp:
		s.hangUp(c, closecode.RateLimited)
		return
	case pass:
	}
	do, known := s.handlers[event]
	if !known {
		// The web app's socket serves its other pages too; what is not ours is no reason to disturb anybody.
		acknowledge(c, ack, &domain.Error{Code: domain.InvalidRequest, Details: map[string]any{"field": "event", "reason": "is not known"}})
		return
	}
	if err := s.caught(do, c, data, ack); err != nil {
		s.refuse(c, err, ack)
	}
}

// caught calls a handler and turns a panic into an error, so that one client's message cannot end the others' calls.
func (s *Server) caught(do handler, c *client, data json.RawMessage, ack answer) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v", value)
			s.Log.LogAttrs(context.Background(), slog.LevelError, "a handler panicked",
				slog.Any("error", err), slog.String("stack", string(debug.Stack())))
		}
	}()
	return do(s, c, data, ack)
}
