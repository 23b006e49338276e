package seed

import (
	"cmp"
	"slices"
	"time"

	"github.com/studycall/studycall/domain"
)

const (
	// emptyPercent of the sessions have no participant. They are closed after emptyTimeout.
	emptyPercent = 2
	emptyTimeout = 5 * time.Minute
	// grace is the time from a broken connection to its record.
	grace = 20 * time.Second
)

// timedCommand is a command, and the time from the session's start at which the service gets it.
type timedCommand struct {
	after   time.Duration
	command domain.Command
}

// plan collects the commands of all users in one session.
type plan struct {
	random
	sessionID string
	start     time.Time
	commands  []timedCommand
}

func (p *plan) add(after time.Duration, command domain.Command) {
	p.commands = append(p.commands, timedCommand{after, command})
}

// session returns the events of one session of the call, from start to end.
func session(r random, call *domain.Call, s slot, users []string) []domain.Event {
	p := &plan{random: r, sessionID: r.id(), start: s.start, commands: make([]timedCommand, 0, 64)}
	starter := users[r.IntN(minAttendees)]
	p.add(0, domain.StartSession{SessionID: p.sessionID, UserID: starter, At: s.start})
	if r.percent(emptyPercent) {
		p.add(emptyTimeout, domain.ExpireSession{SessionID: p.sessionID, At: s.start.Add(emptyTimeout)})
	} else {
		for i, user := range users {
			p.attend(user, s.length, i == 0)
		}
	}
	slices.SortStableFunc(p.commands, func(a, b timedCommand) int { return cmp.Compare(a.after, b.after) })
	return execute(call, p.commands)
}

// execute returns the events of the commands. A refused command (to share a screen while another one is shared) has none.
func execute(call *domain.Call, commands []timedCommand) []domain.Event {
	result := make([]domain.Event, 0, len(commands)+1)
	for _, c := range commands {
		events, _ := call.Decide(c.command)
		for _, event := range events {
			call.Evolve(event)
		}
		result = append(result, events...)
	}
	return result
}

// attend adds one user's commands in a session. The anchor joins at once and stays to the end, so that the session has its length.
func (p *plan) attend(user string, length time.Duration, anchor bool) {
	id := p.id()
	from, to := p.presence(length, anchor)
	for {
		until, dropped := to, false
		if !anchor && p.percent(20) && to-from > 10*time.Minute {
			until, dropped = p.between(from+3*time.Minute, to-3*time.Minute), true
		}
		p.add(from, domain.JoinSession{
			SessionID: p.sessionID, ParticipantID: id, UserID: user, Capacity: maxAttendees, At: p.start.Add(from),
		})
		p.stint(user, from, until)
		p.leave(user, until, dropped || p.percent(8))
		if !dropped {
			return
		}
		// A reconnect within the grace time would be no leave.
		from = until + p.between(grace+5*time.Second, 3*time.Minute)
		if from > to-time.Minute || p.percent(10) {
			return
		}
	}
}

// presence returns when a user joins and leaves, without broken connections in between. Some join late, some leave early.
func (p *plan) presence(length time.Duration, anchor bool) (from, to time.Duration) {
	if anchor {
		return p.between(time.Second, 30*time.Second), length
	}
	from, to = p.between(5*time.Second, 5*time.Minute), length-p.between(0, 90*time.Second)
	if p.percent(25) {
		from = p.between(length/4, length*2/5)
	}
	if p.percent(20) {
		to = p.between(length/2, length*19/20)
	}
	return from, to
}

// stint adds what a user does in the call: about half begin muted and unmute to speak, some turn the camera off for a while, some
// share the screen.
func (p *plan) stint(user string, from, to time.Duration) {
	p.toggle(user, domain.Muted, from, to, 55, 42*time.Minute)
	p.toggle(user, domain.CameraOff, from, to, 25, 80*time.Minute)
	if p.percent(75) || to-from < 2*time.Minute {
		return
	}
	began := p.between(from+time.Minute, to)
	p.set(user, domain.Sharing, true, began)
	if ended := began + p.between(2*time.Minute, 25*time.Minute); ended < to {
		p.set(user, domain.Sharing, false, ended)
	}
}

// toggle turns something on and off in turn. It turns it on at once with a probability of percentAtOnce. Each state lasts half to one
// and a half times the usual time.
func (p *plan) toggle(user string, toggle domain.Toggle, from, to time.Duration, percentAtOnce int, usual time.Duration) {
	next := from + p.between(usual/2, usual*3/2)
	if p.percent(percentAtOnce) {
		next = from + p.between(time.Second, 10*time.Second)
	}
	for on := true; next < to; on = !on {
		p.set(user, toggle, on, next)
		next += p.between(usual/2, usual*3/2)
	}
}

func (p *plan) set(user string, toggle domain.Toggle, on bool, after time.Duration) {
	p.add(after, domain.SetToggle{SessionID: p.sessionID, UserID: user, Toggle: toggle, On: on, At: p.start.Add(after)})
}

// leave adds a leave by a click, or by a broken connection, which is recorded after the grace time.
func (p *plan) leave(user string, after time.Duration, broken bool) {
	reason, recorded := domain.Left, after
	if broken {
		reason, recorded = domain.Disconnected, after+grace
	}
	p.add(recorded, domain.LeaveSession{SessionID: p.sessionID, UserID: user, Reason: reason, At: p.start.Add(after)})
}
