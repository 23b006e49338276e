package engineio

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDecodePayload(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]packet{
		"4hello":              {{kind: kindMessage, data: []byte("hello")}},
		"4":                   {{kind: kindMessage, data: []byte{}}},
		"2probe":              {{kind: kindPing, data: []byte("probe")}},
		"4한국어 😀\x1e3":         {{kind: kindMessage, data: []byte("한국어 😀")}, {kind: kindPong, data: []byte{}}},
		"4hello\x1ebAQIDBA==": {{kind: kindMessage, data: []byte("hello")}, {kind: kindMessage, binary: true, data: []byte{1, 2, 3, 4}}},
		"b":                   {{kind: kindMessage, binary: true, data: nil}},
	} {
		got, err := decodePayload([]byte(body))
		if err != nil || len(got) != len(want) {
			t.Errorf("%q: %v, %v", body, got, err)
			continue
		}
		for i := range want {
			if got[i].kind != want[i].kind || got[i].binary != want[i].binary || !bytes.Equal(got[i].data, want[i].data) {
				t.Errorf("%q: packet %d is %v, want %v", body, i, got[i], want[i])
			}
		}
	}
	for _, body := range []string{"", "abc", "7", "4a\x1e", "\x1e4a", "4a\x1ex", "4\xff", "bAQ", "bAQI=\n", "bAQID BA==", "b!", "bAR=="} {
		if got, err := decodePayload([]byte(body)); err == nil {
			t.Errorf("%q was decoded as %v", body, got)
		}
	}
}

// Decoding any body does not panic. The packets, encoded again, are the body.
func FuzzDecodePayload(f *testing.F) {
	for _, body := range []string{"4hello\x1ebAQIDBA==\x1e2", "0{}", "1", "2probe", "3", "5", "6", "b", "4\x1e4", "\x1e"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		packets, err := decodePayload(body)
		if err != nil {
			return
		}
		if !utf8.Valid(body) {
			t.Fatalf("%q is not UTF-8 and was decoded", body)
		}
		texts := make([]string, len(packets))
		for i, p := range packets {
			texts[i] = string(p.kind) + string(p.data)
			if p.binary {
				texts[i] = string(Binary(p.data).appendTo(nil))
			}
		}
		if again := strings.Join(texts, "\x1e"); again != string(body) {
			t.Fatalf("%q was decoded as %q", body, again)
		}
	})
}

func TestIDsAreLongAndUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		id := NewID()
		if len(id) != 20 || seen[id] || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}
