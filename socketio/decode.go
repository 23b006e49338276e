package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"github.com/studycall/studycall/rawjson"
)

const (
	// maxAttachments is how many binary messages a packet may have, as in socket.io-parser.
	maxAttachments = 10
	// maxID is the largest id of an ack: JavaScript's Number.MAX_SAFE_INTEGER.
	maxID = 1<<53 - 1
)

var (
	errPacket   = errors.New("not a packet")
	errTooLarge = errors.New("a packet and its attachments are too large")
)

// received is a packet of the client. It shares memory with the message from which it was decoded.
type received struct {
	kind        byte // an event or ack with attachments has kindEvent or kindAck
	namespace   string
	id          uint64 // of the ack
	hasID       bool
	attachments int               // how many binary messages follow
	data        json.RawMessage   // nil if the packet has none
	list        []json.RawMessage // the elements of data, for events (with the name) and acks
	event       string            // the name of the event
	binary      [][]byte          // the attachments received so far
}

// decodeHead decodes a packet (Socket.IO protocol, "Packet encoding") up to its JSON: the kind, the attachments and a dash, the
// namespace and a comma, the id; all but the kind are optional. decodeData decodes the rest, after a check of the namespace: the
// list of an array of 1 MB takes 12 MB, which a client that has not joined must not cause.
//
// Both together accept what socket.io-parser accepts, except what that accepts by accident of JavaScript's Number: white space as
// a digit, ids that lose digits, "1e0" attachments.
func decodeHead(text []byte) (p received, rest []byte, err error) {
	if len(text) == 0 || text[0] < '0' || text[0] > '6' {
		return received{}, nil, errPacket
	}
	p = received{kind: text[0] - '0', namespace: MainNamespace}
	text = text[1:]
	if p.kind == kindBinaryEvent || p.kind == kindBinaryAck {
		count, rest := leadingNumber(text, maxAttachments)
		if count == 0 || count > maxAttachments || len(rest) == 0 || rest[0] != '-' {
			return received{}, nil, errPacket
		}
		p.kind -= kindBinaryEvent - kindEvent
		p.attachments, text = int(count), rest[1:]
	}
	if len(text) > 0 && text[0] == '/' {
		namespace, rest, _ := bytes.Cut(text, []byte{','})
		p.namespace, text = string(namespace), rest
	}
	if id, rest := leadingNumber(text, maxID); len(rest) < len(text) {
		if id > maxID {
			return received{}, nil, errPacket
		}
		p.id, p.hasID, text = id, true, rest
	}
	return p, text, nil
}

// leadingNumber reads digits and returns the rest. A number above the limit is returned as any number above the limit.
func leadingNumber(text []byte, limit uint64) (number uint64, rest []byte) {
	i := 0
	for ; i < len(text) && '0' <= text[i] && text[i] <= '9'; i++ {
		if number <= limit {
			number = number*10 + uint64(text[i]-'0')
		}
	}
	return number, text[i:]
}

// decodeData decodes the JSON of a packet; data may be empty.
func (p *received) decodeData(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	p.data = data
	switch {
	case data[0] == '[' && (p.kind == kindEvent || p.kind == kindAck):
		var err error
		if p.list, err = rawjson.Array(data); err != nil {
			return err
		}
		if p.kind == kindEvent {
			return p.decodeName()
		}
		return nil
	case data[0] == '{' && (p.kind == kindConnect || p.kind == kindConnectError),
		data[0] == '"' && p.kind == kindConnectError:
		if rawjson.Valid(data) {
			return nil
		}
	}
	return errPacket
}

// decodeName decodes the name of an event: the first element, a string or, as in socket.io-parser, a number.
func (p *received) decodeName() error {
	if len(p.list) == 0 {
		return errPacket
	}
	name := p.list[0]
	switch c := name[0]; {
	case c == '"':
		var err error
		p.event, err = rawjson.String(name)
		if err != nil || reserved(p.event) {
			return errPacket
		}
	case c == '-' || '0' <= c && c <= '9':
		p.event = string(name)
	default:
		return errPacket
	}
	return nil
}

// reserved reports whether a name has a meaning of its own in clients' libraries, so that no event may have it.
func reserved(event string) bool {
	switch event {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	default:
		return false
	}
}

// attach adds an attachment. The packet may have limit bytes with all its attachments.
func (p *received) attach(data []byte, limit int64) error {
	p.binary = append(p.binary, data)
	size := int64(len(p.data))
	for _, attachment := range p.binary {
		size += int64(len(attachment))
	}
	if size > limit {
		return errTooLarge
	}
	return nil
}

// complete is called after the last attachment. It checks that every placeholder stands for one of them.
func (p *received) complete() error {
	if p.data == nil {
		return nil
	}
	var err error
	if p.list, err = rawjson.Array(p.data); err != nil {
		return err
	}
	var data any
	if err := json.Unmarshal(p.data, &data); err != nil || !p.validPlaceholders(data) {
		return errPacket
	}
	return nil
}

func (p *received) validPlaceholders(data any) bool {
	switch data := data.(type) {
	case []any:
		return !slices.ContainsFunc(data, func(element any) bool { return !p.validPlaceholders(element) })
	case map[string]any:
		if data["_placeholder"] == true {
			index, ok := data["num"].(float64)
			return ok && index >= 0 && index < float64(len(p.binary))
		}
		for _, member := range data {
			if !p.validPlaceholders(member) {
				return false
			}
		}
	}
	return true
}
