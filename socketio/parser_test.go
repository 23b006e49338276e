package socketio

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/studycall/studycall/socketio/nodetest"
)

// verdict is what socket.io-parser makes of a packet.
type verdict struct {
	Refused string
	Type    int
	NSP     string
	ID      *float64
	Data    any
}

// Given the seeds and some thousand packets mutated from them, we decide as the real parser does: the same kind,
// namespace, id and data, or a refusal. Where it takes what is no packet by accident, we must refuse.
func TestDecodesAsTheRealParser(t *testing.T) {
	t.Parallel()
	const mutated = 5000
	texts := append(append(append([]string(nil), taken...), refused...), stricter...)
	seeds := texts
	random := rand.New(rand.NewPCG(5, 2026)) // reproducible on purpose
	for range mutated {
		texts = append(texts, mutate(random, seeds))
	}
	parser := nodetest.Start(t, "testdata/npm", "parse.mjs")
	sent := make(chan error, 1)
	go func() {
		for _, text := range texts {
			if err := parser.Send(map[string]string{"sio": text}); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	accepted, accidents := 0, 0
	for _, text := range texts {
		var theirs verdict
		parser.Next(&theirs)
		ours, err := decodeWhole(text)
		switch {
		case (err != nil) == (theirs.Refused != ""):
			if err == nil {
				accepted++
				same(t, text, ours, theirs)
			}
		case err != nil && accident(text):
			accidents++
		default:
			t.Errorf("%q: ours %+v, %v; theirs %+v", text, ours, err, theirs)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d packets: %d taken by both, %d taken by the parser by accident", len(texts), accepted, accidents)
	if accepted < mutated/10 || accepted > mutated*9/10 {
		t.Errorf("%d of %d were taken: the packets are too easy to judge", accepted, len(texts))
	}
}

// decodeWhole decodes a packet whose attachments are the bytes 0, 1, 2 …
func decodeWhole(text string) (received, error) {
	p, err := decode([]byte(text))
	if err != nil || p.attachments == 0 {
		return p, err
	}
	for i := range p.attachments {
		p.binary = append(p.binary, []byte{byte(i)})
	}
	return p, p.complete()
}

func same(t *testing.T, text string, ours received, theirs verdict) {
	t.Helper()
	var data any
	if ours.data != nil {
		if err := json.Unmarshal(ours.data, &data); err != nil {
			return // a number that only JavaScript can hold, as infinity
		}
		if ours.attachments > 0 {
			data = fill(data)
		}
	}
	if int(ours.kind) != theirs.Type || ours.namespace != theirs.NSP || ours.hasID != (theirs.ID != nil) ||
		theirs.ID != nil && float64(ours.id) != *theirs.ID || !reflect.DeepEqual(data, theirs.Data) {
		t.Errorf("%q: ours %+v with %v, theirs %+v", text, ours, data, theirs)
	}
}

// fill puts the attachments where their placeholders stand, as parse.mjs prints them.
func fill(data any) any {
	switch data := data.(type) {
	case []any:
		for i := range data {
			data[i] = fill(data[i])
		}
	case map[string]any:
		if data["_placeholder"] == true {
			return map[string]any{"$": []any{data["num"]}}
		}
		for name := range data {
			data[name] = fill(data[name])
		}
	}
	return data
}

// accident says whether a text is one that the parser takes only because of JavaScript's Number: its kind is white space
// or nothing, its count of attachments no plain number, or white space stands where its id would, or its id loses digits.
func accident(text string) bool {
	if text == "" || text[0] < '0' || text[0] > '6' {
		return true
	}
	rest := text[1:]
	if text[0] >= '5' {
		count, after, _ := strings.Cut(rest, "-")
		if strings.Trim(count, "0123456789") != "" {
			return true
		}
		rest = after
	}
	if strings.HasPrefix(rest, "/") {
		_, rest, _ = strings.Cut(rest, ",")
	}
	id := rest[:len(rest)-len(strings.TrimLeftFunc(rest, func(r rune) bool {
		return r >= '0' && r <= '9' || unicode.IsSpace(r) || r == '\ufeff'
	}))]
	return strings.ContainsFunc(id, func(r rune) bool { return r < '0' || r > '9' }) || len(strings.TrimLeft(id, "0")) > 15
}

// mutate changes a seed here and there, mostly a little.
func mutate(random *rand.Rand, seeds []string) string {
	pieces := []string{
		"0", "1", "2", "5", "-", "/", ",", `"`, "[", "]", "{", "}", " ", "a", "é", "😀", "\\", `\u0041`, "null", "true", "1.5",
		`"a"`, `{"_placeholder":true,"num":0}`, "e3", "10", "/admin,", `["a"]`, "connect", ":",
	}
	text := []rune(seeds[random.IntN(len(seeds))])
	for range 1 + random.IntN(3) {
		at := random.IntN(len(text) + 1)
		end := min(len(text), at+random.IntN(3))
		piece := []rune(pieces[random.IntN(len(pieces))])
		switch random.IntN(4) {
		case 0:
			text = append(append(append([]rune(nil), text[:at]...), piece...), text[at:]...)
		case 1:
			text = append(append(append([]rune(nil), text[:at]...), piece...), text[end:]...)
		case 2:
			text = append(append([]rune(nil), text[:at]...), text[end:]...)
		default:
			other := []rune(seeds[random.IntN(len(seeds))])
			text = append(append([]rune(nil), text[:at]...), other[random.IntN(len(other)+1):]...)
		}
	}
	result := string(text)
	if !utf8.ValidString(result) {
		panic(fmt.Sprintf("%q", result)) // runes make nothing else
	}
	return result
}
