package fanout

import (
	"fmt"
	"strconv"
	"strings"
)

// Load is something that clients send, and what others are told of it.
type Load struct {
	Name  string `json:"name"`
	Title string `json:"title"` // what it is, for people
	// Burst is how many messages a member sends one after the other in a turn, each in a frame and a write of its own.
	Burst int `json:"burst"`
	// Bar is what the ratio to the bare server must reach.
	Bar float64 `json:"bar"`

	event, told, field string // the event sent, the event told, the field with what it is about
	// sdp is in relayed messages, which go to one other member, numbered. All else goes to all others, alternately true and
	// false.
	sdp string
	// recorded says that an ack means that it is written down. Of nothing else is an ack asked.
	recorded bool
}

// Bursts are how large bursts are: one message by itself, as many as clients send at once when a call starts and they find
// their candidates, and so many that something always waits for each socket, as it does in front of a server that is busy.
func Bursts() []int { return []int{1, 4, 16} }

// Loads are what is measured, in this order, each with every one of Bursts. Speaking is fanned out as toggles are and never
// recorded: what toggles cost more is the recording, all of it but what Postgres itself does.
func Loads() []Load {
	var all []Load
	for _, l := range []Load{
		{Name: "relay", Title: "relay", Bar: 0.8, event: "video:offer", told: "video:offer", field: "offer", sdp: sdp()},
		{
			Name: "speaking", Title: "toggles' fan-out, not recorded", Bar: 1.5, event: "video:speaking",
			told: "video:user-speaking", field: "speaking",
		},
		{
			Name: "toggles", Title: "toggles, recorded", Bar: 1.5, event: "video:toggle-audio",
			told: "video:peer-audio-changed", field: "isMuted", recorded: true,
		},
	} {
		for _, l.Burst = range Bursts() {
			all = append(all, l)
		}
	}
	return all
}

// sdp is as large as an offer of audio and video, 2.5 KB, and as full of escapes.
func sdp() string {
	const line = `a=candidate:842163049 1 udp 1677729535 192.0.2.17 46154 typ srflx raddr 0.0.0.0 rport 0 generation 0\r\n`
	return strings.Repeat(line, 2500/len(line))
}

func (l Load) relayed() bool { return l.sdp != "" }

// content is what every member sends in its message with the number.
func (l Load) content(message uint64) string {
	if l.relayed() {
		return fmt.Sprintf(`{"type":"offer","message":"%012d","sdp":"%s"}`, message, l.sdp)
	}
	return strconv.FormatBool(message%2 == 1)
}

// appendAsk appends what a member sends to the program, to the member or, unless relayed, the room with the id.
func (l Load) appendAsk(text []byte, to, content string, ack bool) []byte {
	text = append(text, "42"...)
	if ack {
		text = append(text, ackID...)
	}
	text = append(append(append(text, `["`...), l.event...), `",{"`...)
	if l.relayed() {
		text = append(text, `to":"`...)
	} else {
		text = append(text, `roomId":"`...)
	}
	text = append(append(append(text, to...), `","`...), l.field...)
	return append(append(append(text, `":`...), content...), "}]"...)
}

// appendTold appends what others are told when the member sends that.
func (l Load) appendTold(text []byte, from *peer, content string) []byte {
	text = append(append(append(text, `42["`...), l.told...), `",{"`...)
	if l.relayed() {
		text = append(append(text, `from":"`...), from.id...)
	} else {
		text = append(append(append(append(text, `socketId":"`...), from.id...), `","userId":"`...), from.user...)
	}
	text = append(append(text, `","`...), l.field...)
	return append(append(append(text, `":`...), content...), "}]"...)
}
