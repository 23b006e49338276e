package socketio

import (
	"encoding/json"
	"errors"
)

// ErrNoAck says that a client did not answer an event.
var ErrNoAck = errors.New("the client did not answer")

// Ack answers one event of a client's. The zero value answers nobody. Send may be called from any goroutine, once.
type Ack struct{}

// Wanted says whether the client asked for an answer.
func (a Ack) Wanted() bool { return false }

// Send answers, if an answer is wanted.
func (a Ack) Send(args ...json.RawMessage) {}

// SendArgs is Send with attachments.
func (a Ack) SendArgs(args Args) {}
