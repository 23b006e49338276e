package engineio

import (
	"encoding/json"
	"net/http"
)

// refusal is an answer to a request that is not taken (Engine.IO protocol, "Errors"): the status, and the body.
type refusal struct {
	status  int
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// The refusals, as the reference server words them. Code 3 goes with all that has no code of its own.
var ( //nolint:gochecknoglobals // never changed
	unknownTransport = &refusal{http.StatusBadRequest, 0, "Transport unknown"}
	unknownSession   = &refusal{http.StatusBadRequest, 1, "Session ID unknown"}
	badMethod        = &refusal{http.StatusBadRequest, 2, "Bad handshake method"}
	badRequest       = &refusal{http.StatusBadRequest, 3, "Bad request"}
	forbidden        = &refusal{http.StatusForbidden, 4, "Forbidden"}
	badVersion       = &refusal{http.StatusBadRequest, 5, "Unsupported protocol version"}
	tooLarge         = &refusal{http.StatusRequestEntityTooLarge, 3, "Payload too large"}
	unavailable      = &refusal{http.StatusServiceUnavailable, 3, "Service unavailable"}
)

func (f *refusal) answer(w http.ResponseWriter) {
	text, err := json.Marshal(f)
	if err != nil {
		text = nil // cannot be: it is a number and a string
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(f.status)
	_, _ = w.Write(text) // fails when the client is gone
}
