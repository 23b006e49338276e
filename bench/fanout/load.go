package fanout

import (
	"fmt"
	"strconv"
	"strings"
)

// Load is a kind of message that clients send.
type Load struct {
	Name  string `json:"name"`
	Title string `json:"title"` // for tables
	// Burst is how many messages a client sends in a turn, each in a frame and a write of its own.
	Burst int `json:"burst"`
	// Bar is the ratio to the bare server that must be reached.
	Bar float64 `json:"bar"`

	sent, delivered string // the event of the message, and of its delivery
	field           string // the field with the content
	// sdp is part of relayed messages, which are numbered and go to one other client. Without sdp a message goes to all others; the
	// content alternates between true and false.
	sdp string
	// recorded: an ack means that the message is recorded. Clients ask for acks of recorded messages only.
	recorded bool
}

// Bursts are the sizes of bursts: single messages; as many as a client sends when a call starts and it finds its candidates; and so
// many that messages always wait for each socket, as on a busy server.
func Bursts() []int { return []int{1, 4, 16} }

// Loads are the measured loads, in order, each with every burst. Speaking is fanned out as toggles are, but never recorded, so the
// difference between the two is the recording, without the CPU time of Postgres.
func Loads() []Load {
	var all []Load
	for _, l := range []Load{
		{Name: "relay", Title: "relay", Bar: 0.8, sent: "video:offer", delivered: "video:offer", field: "offer", sdp: sdp()},
		{
			Name: "speaking", Title: "toggles' fan-out, not recorded", Bar: 1.5,
			sent: "video:speaking", delivered: "video:user-speaking", field: "speaking",
		},
		{
			Name: "toggles", Title: "toggles, recorded", Bar: 1.5,
			sent: "video:toggle-audio", delivered: "video:peer-audio-changed", field: "isMuted", recorded: true,
		},
	} {
		for _, l.Burst = range Bursts() {
			all = append(all, l)
		}
	}
	return all
}

// sdp has the size of an offer of audio and video, 2.5 KB, and as many escapes.
func sdp() string {
	const line = `a=candidate:842163049 1 udp 1677729535 192.0.2.17 46154 typ srflx raddr 0.0.0.0 rport 0 generation 0\r\n`
	return strings.Repeat(line, 2500/len(line))
}

func (l Load) relayed() bool { return l.sdp != "" }

// content is the content of every client's message with the number.
func (l Load) content(number uint64) string {
	if l.relayed() {
		return fmt.Sprintf(`{"type":"offer","message":"%012d","sdp":"%s"}`, number, l.sdp)
	}
	return strconv.FormatBool(number%2 == 1)
}

// appendMessage appends a message to the program. The address is a socket's id, or a room's id if the load is not relayed.
func (l Load) appendMessage(text []byte, address, content string, ack bool) []byte {
	text = append(text, "42"...)
	if ack {
		text = append(text, ackID...)
	}
	to := "roomId"
	if l.relayed() {
		to = "to"
	}
	return appendAll(text, `["`, l.sent, `",{"`, to, `":"`, address, `","`, l.field, `":`, content, "}]")
}

// appendDelivery appends the delivery of a message.
func (l Load) appendDelivery(text []byte, from *peer, content string) []byte {
	text = appendAll(text, `42["`, l.delivered, `",{"`)
	if l.relayed() {
		text = appendAll(text, `from":"`, from.id)
	} else {
		text = appendAll(text, `socketId":"`, from.id, `","userId":"`, from.user)
	}
	return appendAll(text, `","`, l.field, `":`, content, "}]")
}

func appendAll(text []byte, parts ...string) []byte {
	for _, part := range parts {
		text = append(text, part...)
	}
	return text
}
