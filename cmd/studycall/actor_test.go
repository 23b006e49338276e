package main

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/studycall/studycall/realtime/realtimetest"
)

// actor is somebody in a call who writes down what they do.
type actor struct {
	t      *testing.T
	user   string
	server string // http://…
	chance *rand.Rand

	// stays keeps the actor from leaving in due form. Until a killed server's connection has lapsed, it counts as another tab
	// which keeps its user in the call.
	stays bool

	client     *realtimetest.Client // nil while out of the call
	stints     []span
	muted, off switched
}

// switched is a toggle, and when it was on.
type switched struct {
	on    bool
	spans []span
}

func (s *switched) toggle(at time.Time) {
	s.on = !s.on
	if s.on {
		s.spans = append(s.spans, span{from: at})
	} else {
		s.spans[len(s.spans)-1].to = at
	}
}

// pause waits for some milliseconds.
func (a *actor) pause(least, most int) {
	<-time.After(time.Duration(least+a.chance.IntN(most-least)) * time.Millisecond)
}

// connect enters the room by a new socket.
func (a *actor) connect() {
	a.client = realtimetest.Connect(a.t, a.server, realtimetest.Options{Auth: map[string]string{"userId": a.user}})
	a.client.Must("video:join-room", fmt.Sprintf(`{"studyId":%q,"roomId":"study-%s-main"}`, truthStudy, truthStudy))
}

// join begins a stint.
func (a *actor) join() {
	a.stints = append(a.stints, span{from: time.Now()})
	a.connect()
}

// beThere joins, unless there.
func (a *actor) beThere() {
	if a.client == nil {
		a.join()
	}
}

// leave ends a stint in due form.
func (a *actor) leave() {
	at := time.Now()
	a.client.Must("video:leave-room", fmt.Sprintf(`{"roomId":"study-%s-main"}`, truthStudy))
	a.client.Drop()
	a.ended(at)
}

// ended notes the end of a stint, and with it of all else.
func (a *actor) ended(at time.Time) {
	a.client = nil
	a.stints[len(a.stints)-1].to = at
	for _, s := range []*switched{&a.muted, &a.off} {
		if s.on {
			s.toggle(at)
		}
	}
}

// away stays out for longer than the grace, a killed server's last second, and what the sweep takes; then joins again.
func (a *actor) away(since time.Time) {
	a.ended(since)
	a.pause(6500, 7500)
	a.join()
}

// improvise does this and that for a while.
func (a *actor) improvise(long time.Duration) {
	for end := time.Now().Add(long); time.Now().Before(end); a.pause(100, 500) {
		a.beThere()
		switch a.chance.IntN(8) {
		case 0, 1, 2:
			a.muted.toggle(time.Now())
			a.client.Must("video:toggle-audio", fmt.Sprintf(`{"roomId":"study-%s-main","isMuted":%t}`, truthStudy, a.muted.on))
		case 3, 4:
			a.off.toggle(time.Now())
			a.client.Must("video:toggle-video", fmt.Sprintf(`{"roomId":"study-%s-main","isVideoOff":%t}`, truthStudy, a.off.on))
		case 5, 6: // drops without a word, and is back in time
			a.client.Drop()
			a.pause(100, 1500)
			a.connect()
		case 7:
			if !a.stays {
				a.leave()
			}
		}
	}
}
