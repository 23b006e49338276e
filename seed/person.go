package seed

import (
	"time"

	"github.com/studycall/studycall/domain"
)

// attend is one user's part in a session. The anchor comes at once and stays to the end, so that the session lasts as
// long as it should.
func (p *plan) attend(user string, length time.Duration, anchor bool) {
	id := p.id()
	from, to := p.presence(length, anchor)
	for {
		until, dropped := to, false
		if !anchor && p.of(20) && to-from > 10*time.Minute {
			until, dropped = p.between(from+3*time.Minute, to-3*time.Minute), true
		}
		p.add(from, domain.JoinSession{
			SessionID: p.sessionID, ParticipantID: id, UserID: user, Capacity: most, At: p.start.Add(from),
		})
		p.stint(user, from, until)
		p.leave(user, until, dropped || p.of(8))
		if !dropped {
			return
		}
		// Sooner than the grace time would not have been a leave.
		if from = until + p.between(grace+5*time.Second, 3*time.Minute); from > to-time.Minute || p.of(10) {
			return
		}
	}
}

// presence is from when to when a user is there, drop-offs aside: some come late, some leave early.
func (p *plan) presence(length time.Duration, anchor bool) (from, to time.Duration) {
	if anchor {
		return p.between(time.Second, 30*time.Second), length
	}
	from, to = p.between(5*time.Second, 5*time.Minute), length-p.between(0, 90*time.Second)
	if p.of(25) {
		from = p.between(length/4, length*2/5)
	}
	if p.of(20) {
		to = p.between(length/2, length*19/20)
	}
	return from, to
}

// stint is what a user does while in the call: begin muted as often as not, unmute to speak, turn the camera off for
// a while, now and then share the screen.
func (p *plan) stint(user string, from, to time.Duration) {
	p.toggle(from, to, 55, 42*time.Minute, func(on bool, at time.Time) domain.Command {
		return domain.SetAudio{SessionID: p.sessionID, UserID: user, Muted: on, At: at}
	})
	p.toggle(from, to, 25, 80*time.Minute, func(on bool, at time.Time) domain.Command {
		return domain.SetVideo{SessionID: p.sessionID, UserID: user, Off: on, At: at}
	})
	if p.of(75) || to-from < 2*time.Minute {
		return
	}
	share := func(on bool, after time.Duration) {
		p.add(after, domain.SetScreenShare{SessionID: p.sessionID, UserID: user, Sharing: on, At: p.start.Add(after)})
	}
	began := p.between(from+time.Minute, to)
	share(true, began)
	if ended := began + p.between(2*time.Minute, 25*time.Minute); ended < to {
		share(false, ended)
	}
}

// toggle turns something on and off again, beginning with on at once so many times in a hundred, each state for half
// to one and a half times as long as usual.
func (p *plan) toggle(
	from, to time.Duration, atOnce int, usual time.Duration, set func(on bool, at time.Time) domain.Command,
) {
	next := from + p.between(usual/2, usual*3/2)
	if p.of(atOnce) {
		next = from + p.between(time.Second, 10*time.Second)
	}
	for on := true; next < to; on = !on {
		p.add(next, set(on, p.start.Add(next)))
		next += p.between(usual/2, usual*3/2)
	}
}

// leave is a click, or a connection that breaks, which is recorded once the grace time has passed.
func (p *plan) leave(user string, after time.Duration, broken bool) {
	reason, recorded := domain.Left, after
	if broken {
		reason, recorded = domain.Disconnected, after+grace
	}
	p.add(recorded, domain.LeaveSession{SessionID: p.sessionID, UserID: user, Reason: reason, At: p.start.Add(after)})
}
