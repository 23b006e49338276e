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
		events, err := call.Decide(c.command)
		if err != nil {
			continue
		}
		for _, event := range events {
			call.Evolve(event)
		}
		result = append(result, events...)
	}
	return result
}
