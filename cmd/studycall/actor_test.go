package main

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// actor is a user in a call. It notes the times of its actions.
type actor struct {
	t      *testing.T
	user   string
	server string // http://…
	chance *rand.Rand
	pool   *pgxpool.Pool // on the servers' database

	// noLeave disables leaving. Until the connection to a killed server has expired, it counts as another tab that keeps the
	// user in the call.
	noLeave bool

	client     *realtimetest.Client // nil while outside the call
	stints     []interval
	muted, off toggleLog
}

// toggleLog is the state of a toggle, and the intervals in which it was on.
type toggleLog struct {
	on    bool
	spans []interval
}

// toggle flips the state with an action.
func (s *toggleLog) toggle(action func()) {
	s.on = !s.on
	if s.on {
		s.spans = append(s.spans, beginInterval(action))
	} else {
		s.spans[len(s.spans)-1].end(action)
	}
}

// pause waits for a random number of milliseconds. Time must pass between actions, because the record is about durations.
func (a *actor) pause(least, most int) {
	<-time.After(time.Duration(least+a.chance.IntN(most-least)) * time.Millisecond)
}

// connect joins the room with a new socket.
func (a *actor) connect() {
	a.client = realtimetest.Connect(a.t, a.server, realtimetest.Options{Auth: map[string]string{"userId": a.user}})
	a.client.Must("video:join-room", fmt.Sprintf(`{"studyId":%q,"roomId":"study-%s-main"}`, truthStudy, truthStudy))
}

// join begins a stint.
func (a *actor) join() {
	a.stints = append(a.stints, beginInterval(a.connect))
}

// ensureJoined joins unless the actor is in the call.
func (a *actor) ensureJoined() {
	if a.client == nil {
		a.join()
	}
}

// leave ends a stint with the leave event.
func (a *actor) leave() {
	before := time.Now()
	a.client.Must("video:leave-room", fmt.Sprintf(`{"roomId":"study-%s-main"}`, truthStudy))
	a.client.Drop()
	a.ended(before, time.Now())
}

// drop closes the connection without a close frame, and returns times before the break and after the server noticed it.
func (a *actor) drop() (before, after time.Time) {
	before = time.Now()
	a.client.Drop()
	a.until(`select not exists (select from connections where socket_id = $1 and lapses_at is null)`, a.client.ID)
	return before, time.Now()
}

// until waits until a query returns true.
func (a *actor) until(condition string, arg any) {
	check.Eventually(a.t, fmt.Sprintf("%s: %s", a.user, condition), func() (met bool) {
		return a.pool.QueryRow(a.t.Context(), condition, arg).Scan(&met) == nil && met
	})
}

// ended notes the end of a stint between two times, and of all toggles with it.
func (a *actor) ended(before, after time.Time) {
	a.client = nil
	a.stints[len(a.stints)-1].endWithin(before, after)
	for _, s := range []*toggleLog{&a.muted, &a.off} {
		if s.on {
			s.on = false
			s.spans[len(s.spans)-1].endWithin(before, after)
		}
	}
}

// rejoin waits until the end of the stint, between two times, is recorded, and joins again.
func (a *actor) rejoin(before, after time.Time) {
	a.ended(before, after)
	a.until(`select not exists (select from connections where user_id = $1)`, a.user)
	a.join()
}

// improvise performs random actions for a while.
func (a *actor) improvise(duration time.Duration) {
	for end := time.Now().Add(duration); time.Now().Before(end); a.pause(100, 500) {
		a.ensureJoined()
		switch a.chance.IntN(8) {
		case 0, 1, 2:
			a.muted.toggle(func() {
				a.client.Must("video:toggle-audio", fmt.Sprintf(`{"roomId":"study-%s-main","isMuted":%t}`, truthStudy, a.muted.on))
			})
		case 3, 4:
			a.off.toggle(func() {
				a.client.Must("video:toggle-video", fmt.Sprintf(`{"roomId":"study-%s-main","isVideoOff":%t}`, truthStudy, a.off.on))
			})
		case 5, 6: // breaks the connection, and reconnects within the grace time
			a.drop()
			a.pause(100, 1500)
			a.connect()
		case 7:
			if !a.noLeave {
				a.leave()
			}
		}
	}
}
