package main

import (
	"encoding/json"
	"fmt"
)

// peerView is what somebody in the call looks and sounds like on another's page.
type peerView struct {
	UserID        string
	Caption       string
	Width, Height int
	Time          float64 // how much of the video has been played, in seconds
	Frames        int     // how many have been shown
	Colour        [3]int  // the average of the picture's
	Loudness      float64 // the sum of what was played so far: it stays where it is in silence
	Packets       int     // of sound, 50 a second
}

// hue names the colour of a picture: which of red, green and blue stands out, or black.
func (v peerView) hue() string {
	const apart, dark = 60, 40
	r, g, b := v.Colour[0], v.Colour[1], v.Colour[2]
	switch {
	case v.Width == 0:
		return "none"
	case r > g+apart && r > b+apart:
		return "red"
	case g > r+apart && g > b+apart:
		return "green"
	case b > r+apart && b > g+apart:
		return "blue"
	case max(r, g, b) < dark:
		return "black"
	default:
		return fmt.Sprint(v.Colour)
	}
}

// of reads a sight of the user's; it is false where it is another's.
func (v *peerView) of(user string, data json.RawMessage) bool {
	*v = peerView{}
	return json.Unmarshal(data, v) == nil && v.UserID == user
}

// watches waits until the page shows another user's video in a hue, under a caption, and until it has gone on so for some
// frames.
func (p *callPage) watches(user, caption, hue string) {
	p.t.Helper()
	var first, v peerView
	p.waitFor(p.now(), "peer", func(data json.RawMessage) bool {
		switch {
		case !v.of(user, data):
			return false
		case v.hue() != hue || v.Caption != caption || v.Height == 0:
			first = peerView{}
			return false
		case first.Width == 0:
			first = v
		}
		return v.Frames >= first.Frames+3 && v.Time > first.Time
	})
}

// listens waits until the page plays the beeps of another user's microphone; or, if that is muted, until it has played
// nothing but silence for longer than there is between two beeps.
func (p *callPage) listens(user string, muted bool) {
	p.t.Helper()
	const audible, long = 1e-4, 75
	var first, v peerView
	p.waitFor(p.now(), "peer", func(data json.RawMessage) bool {
		if !v.of(user, data) {
			return false
		}
		beeped := v.Loudness > first.Loudness+audible
		if first.Packets == 0 || muted && beeped {
			first = v
			return false
		}
		return beeped || muted && v.Packets >= first.Packets+long
	})
}
