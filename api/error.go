package api

import "github.com/studycall/studycall/domain"

// Error is the body with which every failed HTTP request is answered. Details is never null.
type Error struct {
	Message string         `json:"error"`
	Code    domain.Code    `json:"code"`
	Details map[string]any `json:"details"`
}

// NewError shapes an error for an HTTP client.
func NewError(err *domain.Error, language domain.Language) Error {
	shape := Error{Message: err.Code.Message(language), Code: err.Code, Details: err.Details}
	if shape.Details == nil {
		shape.Details = map[string]any{}
	}
	return shape
}

// SocketError is the data of the event "error" on a socket.
type SocketError struct {
	Message string         `json:"message"`
	Code    domain.Code    `json:"code"`
	Details map[string]any `json:"details,omitempty"`
}

// RefusedAck acknowledges a socket's message that was refused.
type RefusedAck struct {
	OK      bool           `json:"ok"` // always false
	Code    domain.Code    `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

// Invalid returns the error for a request or message in which the named field is wrong.
func Invalid(field, reason string) error {
	return &domain.Error{Code: domain.InvalidRequest, Details: map[string]any{"field": field, "reason": reason}}
}
