package engineio

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/studycall/studycall/socketio/nodetest"
)

// verdict is the result of engine.io-parser for a polling body.
type verdict struct {
	Refused string
	Packets []struct{ Type, Data, Binary string }
}

var kinds = map[string]byte{
	"open": kindOpen, "close": kindClose, "ping": kindPing, "pong": kindPong, "message": kindMessage,
	"upgrade": kindUpgrade, "noop": kindNoop,
}

// Of some thousand bodies, decodePayload accepts the same as engine.io-parser, except invalid base64: the parser accepts it and drops
// the invalid characters.
func TestDecodesLikeTheReferenceParser(t *testing.T) {
	t.Parallel()
	bodies := 3000
	if testing.Short() {
		bodies = 300
	}
	random := rand.New(rand.NewPCG(5, 2026)) // reproducible on purpose
	pieces := []string{"0{}", "1", "2probe", "3", "4hello", "4한국어 😀", "5", "6", "bAQIDBA==", "b", "bAQ", "7", "a", "", "\x1e", "4", "\n", "=="}
	texts := make([]string, bodies)
	for i := range texts {
		for n := range 1 + random.IntN(4) {
			if n > 0 {
				texts[i] += "\x1e"
			}
			for range 1 + random.IntN(2)*random.IntN(2) {
				texts[i] += pieces[random.IntN(len(pieces))]
			}
		}
	}
	parser := nodetest.Start(t, "../testdata/npm", "parse.mjs")
	sent := make(chan error, 1)
	go func() {
		for _, text := range texts {
			if err := parser.Send(map[string]string{"eio": text}); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	accepted := 0
	for _, text := range texts {
		var theirs verdict
		parser.Next(&theirs)
		ours, err := decodePayload([]byte(text))
		switch {
		case (err != nil) == (theirs.Refused != ""):
			if err == nil {
				accepted++
				same(t, text, ours, theirs)
			}
		case err == nil || !invalidBase64(text):
			t.Errorf("%q: ours %+v, %v; theirs %+v", text, ours, err, theirs)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d bodies were accepted", accepted, bodies)
	if accepted < bodies/10 || accepted > bodies*9/10 {
		t.Errorf("%d of %d were accepted: the bodies are too uniform", accepted, bodies)
	}
}

func same(t *testing.T, text string, ours []packet, theirs verdict) {
	t.Helper()
	if len(ours) != len(theirs.Packets) {
		t.Errorf("%q: ours %+v, theirs %+v", text, ours, theirs)
		return
	}
	for i, p := range theirs.Packets {
		data := []byte(p.Data)
		if ours[i].binary {
			data, _ = base64.StdEncoding.DecodeString(p.Binary) // made by Buffer.toString
		}
		if ours[i].kind != kinds[p.Type] || !bytes.Equal(ours[i].data, data) {
			t.Errorf("%q: ours %+v, theirs %+v", text, ours[i], p)
		}
	}
}

func invalidBase64(text string) bool {
	for part := range strings.SplitSeq(text, "\x1e") {
		if strings.HasPrefix(part, "b") {
			data, err := base64.StdEncoding.DecodeString(part[1:])
			if err != nil || base64.StdEncoding.EncodeToString(data) != part[1:] {
				return true
			}
		}
	}
	return false
}
