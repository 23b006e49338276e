package engineio

import (
	"fmt"
	"net/http"
)

// refusal is an answer to a request that is not taken (Engine.IO protocol, "Errors"). The zero value is none.
type refusal uint8

// The refusals. Code 3 goes with all that has no code of its own.
const (
	unknownTransport refusal = iota + 1
	unknownSession
	badMethod
	badRequest
	forbidden
	badVersion
	tooLarge
	headersTooLarge
	unavailable
)

// parts are the status, the code, and the message as the reference server words it.
func (f refusal) parts() (status, code int, message string) {
	switch f {
	case unknownTransport:
		return http.StatusBadRequest, 0, "Transport unknown"
	case unknownSession:
		return http.StatusBadRequest, 1, "Session ID unknown"
	case badMethod:
		return http.StatusBadRequest, 2, "Bad handshake method"
	case forbidden:
		return http.StatusForbidden, 4, "Forbidden"
	case badVersion:
		return http.StatusBadRequest, 5, "Unsupported protocol version"
	case tooLarge:
		return http.StatusRequestEntityTooLarge, 3, "Payload too large"
	case headersTooLarge:
		return http.StatusRequestHeaderFieldsTooLarge, 3, "Headers too large"
	case unavailable:
		return http.StatusServiceUnavailable, 3, "Service unavailable"
	default:
		return http.StatusBadRequest, 3, "Bad request"
	}
}

func (f refusal) answer(w http.ResponseWriter) {
	status, code, message := f.parts()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"code":%d,"message":%q}`, code, message) // fails when the client is gone
}
