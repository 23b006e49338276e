package socketio

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/studycall/studycall/socketio/engineio"
)

// Given random packets, pongs and resumptions, kept returns what a plain list of everything returns.
func TestKeptMatchesAPlainList(t *testing.T) {
	t.Parallel()
	const maxCount, maxBytes = 20, 400
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(7, seed))
		var k kept
		var all []keptPacket // everything since the session began
		received, o := 0, newOffsets()
		pings, known := uint64(0), 0 // known: how many of all the client certainly has
		for range 300 {
			switch random.IntN(8) {
			case 0:
				pings++
			case 1: // a pong to the last ping
				for i, p := range all {
					if p.pings < pings {
						known = max(known, i+1)
					}
				}
				received = max(received, known)
				k.answered(pings)
			case 2: // the client comes back and has received up to some packet
				received = known + random.IntN(len(all)-known+1)
				offset := ""
				if received > 0 {
					offset = all[received-1].offset
				}
				checkResume(t, &k, all, received, offset)
				known = received
				k.queuedAgain(pings)
				for i := range all {
					all[i].pings = pings
				}
			default:
				p := newPacket([]engineio.Message{engineio.Text([]byte(strings.Repeat("x", random.IntN(60))))}, o.next())
				all = append(all, keptPacket{p, pings})
				k.add(p, pings, maxCount, maxBytes)
			}
			bytes := 0
			for i := range k.count {
				bytes += k.at(i).size
			}
			if bytes != k.bytes || k.count > maxCount || bytes > maxBytes || k.count > len(k.ring) {
				t.Fatalf("seed %d: %d packets with %d bytes, counted as %d, in an array of %d", seed, k.count, bytes, k.bytes, len(k.ring))
			}
		}
	}
}

// checkResume resumes for a client that has received the first packets of all. Everything else must be returned if nothing was dropped,
// and never a part as if it were everything.
func checkResume(t *testing.T, k *kept, all []keptPacket, received int, offset string) {
	t.Helper()
	dropped := len(all) - k.count // removed from the front, by pongs or by the bounds
	missed, complete := k.resume(offset)
	if want := dropped <= received; complete != want {
		t.Fatalf("complete is %v: the client has %d of %d packets, and %d are kept", complete, received, len(all), len(all)-dropped)
	}
	want := all[max(received, dropped):]
	if !slices.EqualFunc(missed, want, func(m engineio.Message, p keptPacket) bool {
		return string(m.Encoded()) == string(p.messages[0].Encoded())
	}) {
		t.Fatalf("the client is sent %d packets, want %d", len(missed), len(want))
	}
}

func TestAnUnknownOffsetMeansThatNothingWasReceived(t *testing.T) {
	t.Parallel()
	add := func(k *kept, offsets ...string) {
		for _, offset := range offsets {
			k.add(newPacket([]engineio.Message{engineio.Text([]byte(offset))}, offset), 1, 3, 1000)
		}
	}
	for name, test := range map[string]struct {
		packets  []string
		ping     uint64 // answered
		offset   string
		missed   int
		complete bool
	}{
		"no packets, no offset":              {nil, 0, "", 0, true},
		"no packets, another session's":      {nil, 0, "z", 0, true},
		"no offset":                          {[]string{"a", "b"}, 0, "", 2, true},
		"another session's offset":           {[]string{"a", "b"}, 0, "z", 2, true},
		"the last":                           {[]string{"a", "b"}, 0, "b", 0, true},
		"one of them":                        {[]string{"a", "b"}, 0, "a", 1, true},
		"the last that a pong confirmed":     {[]string{"a", "b"}, 2, "b", 0, true},
		"an unknown one after a pong":        {[]string{"a", "b"}, 2, "z", 0, false},
		"the last that was dropped":          {[]string{"a", "b", "c", "d"}, 0, "a", 3, true},
		"none, and the first was dropped":    {[]string{"a", "b", "c", "d"}, 0, "", 3, false},
		"dropped long ago":                   {[]string{"a", "b", "c", "d", "e"}, 0, "a", 3, false},
		"an unknown one, with a dropped one": {[]string{"a", "b", "c", "d"}, 0, "z", 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var k kept
			add(&k, test.packets...)
			k.answered(test.ping)
			if missed, complete := k.resume(test.offset); len(missed) != test.missed || complete != test.complete {
				t.Errorf("%d packets, complete: %v, want %d, %v", len(missed), complete, test.missed, test.complete)
			}
		})
	}
}

func TestOffsetsAreUniqueAndHaveNoOrder(t *testing.T) {
	t.Parallel()
	seen, ascending := map[string]bool{}, 0
	o, last := newOffsets(), ""
	for range 10_000 {
		offset := o.next()
		if len(offset) != 11 || seen[offset] {
			t.Fatalf("offset %q", offset)
		}
		if offset > last {
			ascending++
		}
		seen[offset], last = true, offset
	}
	if ascending < 4000 || ascending > 6000 {
		t.Errorf("%d of 10,000 offsets are above the one before", ascending)
	}
}
