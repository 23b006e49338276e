package main

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/realtime/realtimetest"
)

// actor is somebody in a call who writes down what they do.
type actor struct {
	t      *testing.T
	user   string
	server string // http://…
	chance *rand.Rand
	pool   *pgxpool.Pool // of the servers' database; for who drops

	// stays keeps the actor from leaving in due form. Until a killed server's connection has lapsed, it counts as another tab
	// which keeps its user in the call.
	stays bool

	client     *realtimetest.Client // nil while out of the call
	stints     []stretch
	muted, off switched
}

// switched is a toggle, and when it was on.
type switched struct {
	on    bool
	spans []stretch
}

// toggle switches it by what is done.
func (s *switched) toggle(by func()) {
	if s.on = !s.on; s.on {
		s.spans = append(s.spans, beginning(by))
	} else {
		s.spans[len(s.spans)-1].ends(by)
	}
}

// pause waits for some milliseconds: how much time passes between what people do is what the record is about.
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
	a.stints = append(a.stints, beginning(a.connect))
}

// beThere joins, unless there.
func (a *actor) beThere() {
	if a.client == nil {
		a.join()
	}
}

// leave ends a stint in due form.
func (a *actor) leave() {
	before := time.Now()
	a.client.Must("video:leave-room", fmt.Sprintf(`{"roomId":"study-%s-main"}`, truthStudy))
	a.client.Drop()
	a.ended(before, time.Now())
}

// drop breaks the connection without a word, between two moments: by the second, its server knows.
func (a *actor) drop() (before, after time.Time) {
	before = time.Now()
	a.client.Drop()
	a.until(`select not exists (select from connections where socket_id = $1 and lapses_at is null)`, a.client.ID)
	return before, time.Now()
}

// until waits until a query says true.
func (a *actor) until(condition string, arg any) {
	eventually(a.t, time.Minute, fmt.Sprintf("of %s: %s", a.user, condition), func() (is bool) {
		return a.pool.QueryRow(a.t.Context(), condition, arg).Scan(&is) == nil && is
	})
}

// ended notes the end of a stint between two moments, and with it of all else.
func (a *actor) ended(before, after time.Time) {
	a.client = nil
	a.stints[len(a.stints)-1].endsWithin(before, after)
	for _, s := range []*switched{&a.muted, &a.off} {
		if s.on {
			s.on = false
			s.spans[len(s.spans)-1].endsWithin(before, after)
		}
	}
}

// away stays out, after an end between two moments, until that is on record; then joins again.
func (a *actor) away(before, after time.Time) {
	a.ended(before, after)
	a.until(`select not exists (select from connections where user_id = $1)`, a.user)
	a.join()
}

// improvise does this and that for a while.
func (a *actor) improvise(long time.Duration) {
	for end := time.Now().Add(long); time.Now().Before(end); a.pause(100, 500) {
		a.beThere()
		switch a.chance.IntN(8) {
		case 0, 1, 2:
			a.muted.toggle(func() {
				a.client.Must("video:toggle-audio", fmt.Sprintf(`{"roomId":"study-%s-main","isMuted":%t}`, truthStudy, a.muted.on))
			})
		case 3, 4:
			a.off.toggle(func() {
				a.client.Must("video:toggle-video", fmt.Sprintf(`{"roomId":"study-%s-main","isVideoOff":%t}`, truthStudy, a.off.on))
			})
		case 5, 6: // drops without a word, and is back in time
			a.drop()
			a.pause(100, 1500)
			a.connect()
		case 7:
			if !a.stays {
				a.leave()
			}
		}
	}
}
