package socketio

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/studycall/studycall/check"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// accepted are packets that socket.io-parser and decode accept.
var accepted = []string{
	`0`, `0{}`, `0{"token":"123"}`, `0/admin,`, `0/admin`, `0/admin,{"a":1}`, `0/a?b=c,{}`, `1`, `1/admin,`, `1/admin`,
	`2["message"]`, `2["message",1,"2",{"3":[true]}]`, `2/admin,["a"]`, `212["a"]`, `2/admin,456["project:delete",123]`,
	`2[1,"numeric"]`, `2[-1.5e3]`, `2["한국어 😀",null]`, `2["\u0061"]`, `2[""]`, `2`, `25`, `3`, `312`, `312[]`, `3/admin,456[]`,
	`30["a",{"b":"c"}]`, `4`, `4{"message":"no"}`, `4"no"`, `4/admin,{"message":"Not authorized","data":{"a":1}}`,
	`51-["hello",{"_placeholder":true,"num":0}]`, `52-/admin,7["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]`,
	`61-15[{"_placeholder":true,"num":0}]`, `510-["a"]`, `501-["a"]`, `2["a" , 1 ] `, `2[ "a"]`, `29007199254740991["a"]`,
}

// refused are packets that both refuse.
var refused = []string{
	`7`, `9["a"]`, `a`, `abc`, `-1`, `2{}`, `2[]`, `2[null]`, `2[true]`, `2[["a"]]`, `2[{}]`, `2["connect"]`, `2["disconnect",1]`,
	`2["connect_error"]`, `2["disconnecting"]`, `2["newListener"]`, `2["removeListener"]`, `2["\u0063onnect"]`, `2["a"`,
	`2["a"]x`, `2"a"`, `2abc["a"]`, `0[]`, `0"a"`, `0null`, `0{`, `1{}`, `1[]`, `1"a"`, `3{}`, `3"a"`, `4[]`, `4[1]`,
	`5["a"]`, `5-["a"]`, `50-["a"]`, `511-["a"]`, `51["a"]`, `5x-["a"]`, `51`, `6`, `2['a']`, `2["a",]`, `2[01]`, `3[NaN]`,
}

// accidental are packets that socket.io-parser accepts by accident, and decode refuses.
var accidental = []string{
	``, ` ["a"]`, `2 ["a"]`, `25 ["a"]`, `0 {}`, `51.0-["a"]`, `51e0-["a"]`, `50x1-["a"]`, "2\t[\"a\"]", `29007199254740993["a"]`,
	`2/x, ["a"]`,
}

// decode decodes the head and the data.
func decode(text []byte) (received, error) {
	p, rest, err := decodeHead(text)
	if err != nil {
		return received{}, err
	}
	return p, p.decodeData(rest)
}

func TestDecodeAcceptsWellFormedPacketsOnly(t *testing.T) {
	t.Parallel()
	for _, text := range accepted {
		if _, err := decode([]byte(text)); err != nil {
			t.Errorf("%q was refused", text)
		}
	}
	for _, text := range append(refused, accidental...) {
		if p, err := decode([]byte(text)); err == nil {
			t.Errorf("%q was accepted as %+v", text, p)
		}
	}
	p, err := decode([]byte(`52-/admin,7["a", {"b": [1,2]} ,{"_placeholder":true,"num":0}]`))
	if err != nil || p.kind != kindEvent || p.namespace != "/admin" || p.id != 7 || !p.hasID || p.attachments != 2 ||
		p.event != "a" || len(p.list) != 3 || string(p.list[1]) != `{"b": [1,2]}` {
		t.Errorf("got %+v, %v", p, err)
	}
}

// Decoding any text does not panic. An accepted packet, encoded again, decodes to the same.
func FuzzDecodePacket(f *testing.F) {
	for _, texts := range [][]string{accepted, refused, accidental} {
		for _, text := range texts {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := decode(text)
		if err != nil || !utf8.Valid(text) {
			return
		}
		again := string(appendNamespace([]byte(header(p)), p.namespace))
		if p.hasID {
			again += strconv.FormatUint(p.id, 10)
		}
		q, err := decode([]byte(again + string(p.data)))
		if err != nil || q.kind != p.kind || q.namespace != p.namespace || q.id != p.id || q.hasID != p.hasID ||
			q.attachments != p.attachments || q.event != p.event || string(q.data) != string(p.data) || len(q.list) != len(p.list) {
			t.Fatalf("%q decodes to %+v; encoded as %q it decodes to %+v, %v", text, p, again, q, err)
		}
		if p.attachments > maxAttachments || strings.Contains(p.namespace, ",") || reserved(p.event) {
			t.Fatalf("%q decodes to %+v", text, p)
		}
	})
}

// header encodes the kind and the number of attachments.
func header(p received) string {
	if p.attachments == 0 {
		return strconv.Itoa(int(p.kind))
	}
	return strconv.Itoa(int(p.kind)+kindBinaryEvent-kindEvent) + strconv.Itoa(p.attachments) + "-"
}

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`["a"]`:                                                         true,
		`["a",{"_placeholder":true,"num":0}]`:                           true,
		`["a",[{"_placeholder":true,"num":1}]]`:                         true,
		`["a",{"b":{"_placeholder":true,"num":1}}]`:                     true,
		`["a",{"_placeholder":false,"num":7}]`:                          true,
		`["a",{"_placeholder":"true","num":7}]`:                         true,
		`["a",{"_placeholder":true,"num":2}]`:                           false,
		`["a",{"_placeholder":true,"num":-1}]`:                          false,
		`["a",{"_placeholder":true,"num":"0"}]`:                         false,
		`["a",{"_placeholder":true}]`:                                   false,
		`["a",[[{"b":[{"_placeholder":true,"num":9}]}]]]`:               false,
		`["a",{"_placeholder":true,"num":0,"b":{"_placeholder":true}}]`: true,
		`["a",{"_placeholder":true,"num":9,"_placeholder":false}]`:      true,
	} {
		p := received{data: []byte(text), binary: [][]byte{{1}, {2}}}
		if got := p.complete() == nil; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// While an event waits for its attachments, only its text is kept. The last attachment completes it.
func TestTheListIsNotKeptWhileAttachmentsAreAwaited(t *testing.T) {
	t.Parallel()
	c := &client{server: &Server{config: Config{MaxPayload: 1000}}, sockets: []*Socket{{namespace: "/", state: disconnected}}}
	check.NoError(t, c.receive([]byte(`52-["a",0,{"_placeholder":true,"num":1}]`), false))
	p := c.partial
	if p == nil || p.list != nil {
		t.Fatalf("the waiting packet is %+v", p)
	}
	for range 2 {
		check.NoError(t, c.receive([]byte("bytes"), true))
	}
	if c.partial != nil || p.event != "a" || len(p.list) != 3 || len(p.binary) != 2 {
		t.Errorf("the complete packet is %+v", p)
	}
}
