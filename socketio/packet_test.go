package socketio

import (
	"encoding/json"
	"strings"
	"testing"
)

// body encodes a packet as a polling body.
func body(p Packet) string {
	texts := make([]string, len(p.messages))
	for i, m := range p.messages {
		texts[i] = string(m.Encoded())
	}
	return strings.Join(texts, "\x1e")
}

// The examples of the protocol's document, and cases that it leaves open.
func TestEncode(t *testing.T) {
	t.Parallel()
	raw := func(texts ...string) []json.RawMessage {
		args := make([]json.RawMessage, len(texts))
		for i, text := range texts {
			args[i] = json.RawMessage(text)
		}
		return args
	}
	placeholder := `{"_placeholder":true,"num":0}`
	for want, p := range map[string]Packet{
		`42["hello",1]`:              EncodeEvent("/", "hello", Args{JSON: raw("1")}),
		`42/admin,["hello"]`:         EncodeEvent("/admin", "hello", Args{}),
		`42["a","b",{ "c" : null }]`: EncodeEvent("/", "a", Args{JSON: raw(`"b"`, `{ "c" : null }`)}),
		`42["offer",{"from":"x","offer":{"sdp":"v=0\r\n"}}]`: EncodeJoined("/", "offer",
			[]byte(`{"from":"x","offer":`), []byte(`{"sdp":"v=0\r\n"}`), []byte("}")),
		`42["\"한\\"]`: EncodeEvent("/", `"한\`, Args{}),
		`451-["baz",` + placeholder + "]\x1ebAQI=": EncodeEvent("/", "baz", Args{raw(placeholder), [][]byte{{1, 2}}}),
		`43/admin,456[]`:                       encode(kindAck, "/admin", "456", "", "", Args{}),
		`461-15[` + placeholder + "]\x1ebAw==": encode(kindAck, "/", "15", "", "", Args{raw(placeholder), [][]byte{{3}}}),
		`4213["ask",1,2]`:                      encode(kindEvent, "/", "13", "ask", "", Args{JSON: raw("1", "2")}),
		`40{"sid":"x"}`:                        encodePlain(kindConnect, "/", []byte(`{"sid":"x"}`)),
		`44/x,{"message":"no"}`:                encodePlain(kindConnectError, "/x", []byte(`{"message":"no"}`)),
		`41/admin,`:                            encodePlain(kindDisconnect, "/admin", nil),
		`41`:                                   encodePlain(kindDisconnect, "/", nil),
	} {
		if got := body(p); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
