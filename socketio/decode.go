package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"github.com/studycall/studycall/rawjson"
)

const (
	// maxAttachments is how many binary messages a packet may bring, as in socket.io-parser.
	maxAttachments = 10
	// maxID is the largest id of an ack: JavaScript's Number.MAX_SAFE_INTEGER.
	maxID = 1<<53 - 1
)

var (
	errPacket   = errors.New("not a packet")
	errTooLarge = errors.New("a packet and its attachments are too large")
)

// decodeHead reads the text of a packet (Socket.IO protocol, "Packet encoding") up to its JSON: kind, attachments and a dash,
// namespace and a comma, id; only the kind is always there. What follows is for take, which whoever sends to a namespace
// without having joined it is not worth: the list of an array of 1 MB is 12 MB. Together they take what socket.io-parser
// takes, but for what that takes by accident of JavaScript's Number: white space as a digit, ids that lose digits, "1e0"
// attachments.
func decodeHead(text []byte) (p received, rest []byte, err error) {
	if len(text) == 0 || text[0] < '0' || text[0] > '6' {
		return received{}, nil, errPacket
	}
	p = received{kind: text[0] - '0', namespace: mainNamespace}
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

// leadingNumber reads digits, and gives what follows them. A number over the limit is some number over the limit.
func leadingNumber(text []byte, limit uint64) (number uint64, rest []byte) {
	i := 0
	for ; i < len(text) && '0' <= text[i] && text[i] <= '9'; i++ {
		if number <= limit {
			number = number*10 + uint64(text[i]-'0')
		}
	}
	return number, text[i:]
}

// take checks the JSON of a packet against its kind; data is empty where there is none.
func (p *received) take(data []byte) error {
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
			return p.takeName()
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

// takeName reads the name of an event: its first element, a string or, as the parser has it, a number.
func (p *received) takeName() error {
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

// reserved says whether clients may not send an event of that name, because it means something to their libraries.
func reserved(event string) bool {
	switch event {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	default:
		return false
	}
}

// await lets go of what a packet need not hold until its attachments came: an element of the list is 24 bytes, of the
// text perhaps two.
func (p *received) await() { p.list = nil }

// attach adds an attachment. What has come of the packet may be so many bytes in all.
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

// complete checks, when all attachments came, that every placeholder stands for one of them. The JSON is decoded only to
// be looked at.
func (p *received) complete() error {
	if p.data == nil {
		return nil
	}
	var err error
	if p.list, err = rawjson.Array(p.data); err != nil {
		return err
	}
	var data any
	if err := json.Unmarshal(p.data, &data); err != nil || !p.placed(data) {
		return errPacket
	}
	return nil
}

func (p *received) placed(data any) bool {
	switch data := data.(type) {
	case []any:
		return !slices.ContainsFunc(data, func(element any) bool { return !p.placed(element) })
	case map[string]any:
		if data["_placeholder"] == true {
			index, ok := data["num"].(float64)
			return ok && index >= 0 && index < float64(len(p.binary))
		}
		for _, member := range data {
			if !p.placed(member) {
				return false
			}
		}
	}
	return true
}
