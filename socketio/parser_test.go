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

// verdict is the result of socket.io-parser for a packet.
type verdict struct {
	Refused string
	Type    int
	NSP     string
	ID      *float64
	Data    any
}

// Of some thousand mutated packets, decode accepts the same as socket.io-parser, with the same kind, namespace, id and data. Packets
// that the parser accepts by accident are refused.
func TestDecodesLikeTheReferenceParser(t *testing.T) {
	t.Parallel()
	mutated := 5000
	if testing.Short() {
		mutated = 500
	}
	texts := append(append(append([]string(nil), accepted...), refused...), accidental...)
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
	both, accidents := 0, 0
	for _, text := range texts {
		var theirs verdict
		parser.Next(&theirs)
		ours, err := decodeWhole(text)
		switch {
		case (err != nil) == (theirs.Refused != ""):
			if err == nil {
				both++
				same(t, text, ours, theirs)
			}
		case err != nil && acceptedByAccident(text):
			accidents++
		default:
			t.Errorf("%q: ours %+v, %v; theirs %+v", text, ours, err, theirs)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d packets: %d accepted by both, %d accepted by the parser by accident", len(texts), both, accidents)
	if both < mutated/10 || both > mutated*9/10 {
		t.Errorf("%d of %d were accepted: the packets are too uniform", both, len(texts))
	}
}

// decodeWhole decodes a packet with the attachments 0, 1, 2 … of one byte each.
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
			return // a number that JavaScript reads as infinity
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

// fill replaces placeholders by attachments, as parse.mjs prints them.
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

// acceptedByAccident reports whether the parser accepts a text only because of JavaScript's Number: the kind is white space or missing,
// the number of attachments is not in plain digits, white space stands in place of the id, or the id loses digits.
func acceptedByAccident(text string) bool {
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

// mutate changes a seed in one to three places.
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
		panic(fmt.Sprintf("%q", result)) // cannot happen: runes are valid
	}
	return result
}
