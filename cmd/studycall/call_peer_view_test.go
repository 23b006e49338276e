package main

import (
	"encoding/json"
	"fmt"
)

// peerView describes the video and sound of a participant on another's page.
type peerView struct {
	UserID        string
	Caption       string
	Width, Height int
	Time          float64 // the playback position of the video, in seconds
	Frames        int     // the number of frames shown
	Colour        [3]int  // the average of the picture
	Loudness      float64 // the sum over the played sound: silence does not increase it
	Packets       int     // of sound, 50 per second
}

// hue returns the dominant colour of the picture: red, green, blue, or black.
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

// read decodes a view, and reports whether it shows the user.
func (v *peerView) read(user string, data json.RawMessage) bool {
	*v = peerView{}
	return json.Unmarshal(data, v) == nil && v.UserID == user
}

// showsVideo waits until the page shows another user's video in a hue, with a caption, for a few frames.
func (p *callPage) showsVideo(user, caption, hue string) {
	p.t.Helper()
	var first, v peerView
	p.waitFor(p.now(), "peer", func(data json.RawMessage) bool {
		switch {
		case !v.read(user, data):
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

// playsSound waits until the page plays the beeps of another user's microphone; or, if muted, until it has played silence for
// longer than the pause between two beeps.
func (p *callPage) playsSound(user string, muted bool) {
	p.t.Helper()
	const audible, long = 1e-4, 75
	var first, v peerView
	p.waitFor(p.now(), "peer", func(data json.RawMessage) bool {
		if !v.read(user, data) {
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
