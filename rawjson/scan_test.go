package rawjson_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/studycall/studycall/rawjson"
)

var texts = []string{
	`{}`, `[]`, `null`, `true`, `false`, `"a"`, `0`, `-0`, `12.5e-3`, ` { "a" : [ 1 , "b" , { } ] } `, `"\u00e9\n\/"`,
	`{"a":1,"a":2}`, `"한국어 😀"`, `"0123456789abcdef\"0123456789abcdef"`, `[[[]]]`, `1E400`, "\"\x7f\"",
	``, ` `, `01`, `+1`, `.5`, `1.`, `1e`, `-`, `tru`, `nulll`, `"`, `"\x"`, `"\u12"`, "\"\n\"", "\"01234567\x1f\"", `[1,]`,
	`[,1]`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1,}`, `[1 2]`, `{} {}`, `]`, "\xef\xbb\xbf{}", `'a'`, `[1}`, `"\`, `[`, `{"a":1`,
}

// Valid, Array and Object accept the same texts as encoding/json, except texts nested too deep.
func FuzzValid(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > rawjson.Depth {
			return
		}
		if got, want := rawjson.Valid(data), json.Valid(data); got != want {
			t.Fatalf("Valid(%q) is %v, encoding/json says %v", data, got, want)
		}
		checkArray(t, data)
		checkObject(t, data)
	})
}

func checkArray(t *testing.T, data []byte) {
	t.Helper()
	var want []json.RawMessage
	isArray := len(bytes.TrimLeft(data, " \t\r\n")) > 0 && bytes.TrimLeft(data, " \t\r\n")[0] == '['
	wantErr := json.Unmarshal(data, &want) != nil || !isArray
	got, err := rawjson.Array(data)
	if (err != nil) != wantErr {
		t.Fatalf("Array(%q): %v, encoding/json refuses it: %v", data, err, wantErr)
	}
	if err != nil {
		return
	}
	if len(got) != len(want) {
		t.Fatalf("Array(%q): %q, want %q", data, got, want)
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("Array(%q): %q, want %q", data, got, want)
		}
	}
}

func checkObject(t *testing.T, data []byte) {
	t.Helper()
	want := map[string]json.RawMessage{}
	wantErr := json.Unmarshal(data, &want) != nil || bytes.Equal(bytes.TrimSpace(data), []byte("null"))
	got := map[string]json.RawMessage{}
	err := rawjson.Object(data, func(name string, value json.RawMessage) { got[name] = value })
	if (err != nil) != wantErr {
		t.Fatalf("Object(%q): %v, encoding/json refuses it: %v", data, err, wantErr)
	}
	if err != nil {
		return
	}
	if !utf8.Valid(data) { // encoding/json would change names
		return
	}
	if len(got) != len(want) {
		t.Fatalf("Object(%q): %q, want %q", data, got, want)
	}
	for name, value := range want {
		if !bytes.Equal(got[name], value) {
			t.Fatalf("Object(%q): %q is %q, want %q", data, name, got[name], value)
		}
	}
}

func TestDepthIsLimited(t *testing.T) {
	t.Parallel()
	for depth, want := range map[int]bool{rawjson.Depth: true, rawjson.Depth + 1: false, 1_000_000: false} {
		text := strings.Repeat("[", depth) + strings.Repeat("]", depth)
		if got := rawjson.Valid([]byte(text)); got != want {
			t.Errorf("nested %d deep: %v, want %v", depth, got, want)
		}
	}
}

func TestStringReversesQuote(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "event", `a"b\c`, "한국어 😀", "line\nline", "<b>", "\x7f"} {
		quoted := rawjson.Quote(text)
		if got, err := rawjson.String(quoted); err != nil || got != text {
			t.Errorf("Quote(%q) is %s, and String of that %q, %v", text, quoted, got, err)
		}
	}
	if _, err := rawjson.String([]byte(`"a" `)); err == nil {
		t.Error("white space after a string was accepted")
	}
}

// BenchmarkObject splits a message with an SDP offer of 2.5 KB, beside encoding/json.
func BenchmarkObject(b *testing.B) {
	sdp := strings.Repeat(`a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10\r\n`, 45)
	data := []byte(`{"to":"abcdefghijklmnopqrst","offer":{"type":"offer","sdp":"` + sdp + `"}}`)
	b.Run("rawjson", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			var offer json.RawMessage
			err := rawjson.Object(data, func(name string, value json.RawMessage) {
				if name == "offer" {
					offer = value
				}
			})
			if err != nil || offer == nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			var message struct {
				To    string
				Offer json.RawMessage
			}
			if err := json.Unmarshal(data, &message); err != nil || message.Offer == nil {
				b.Fatal(err)
			}
		}
	})
}
