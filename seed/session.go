package seed

import (
	"cmp"
	"slices"
	"time"

	"github.com/studycall/studycall/domain"
)

const (
	// forgotten is how many of a hundred sessions nobody comes to, and emptyTimeout when those are closed.
	forgotten    = 2
	emptyTimeout = 5 * time.Minute
	// grace is how much later a broken connection is recorded than it broke.
	grace = 20 * time.Second
)

// wish is a command, and how long after the session's start it reaches the service.
type wish struct {
	after   time.Duration
	command domain.Command
}

// plan is what everybody wishes in the course of one session.
type plan struct {
	chance
	sessionID string
	start     time.Time
	wishes    []wish
}

func (p *plan) add(after time.Duration, command domain.Command) {
	p.wishes = append(p.wishes, wish{after, command})
}

// meet is one session of the call, from start to end, and its events.
func meet(c chance, call *domain.Call, s slot, users []string) []domain.Event {
	p := &plan{chance: c, sessionID: c.id(), start: s.start, wishes: make([]wish, 0, 64)}
	starter := users[c.IntN(fewest)]
	p.add(0, domain.StartSession{SessionID: p.sessionID, UserID: starter, At: s.start})
	if c.of(forgotten) {
		p.add(emptyTimeout, domain.ExpireSession{SessionID: p.sessionID, At: s.start.Add(emptyTimeout)})
	} else {
		for i, user := range users {
			p.attend(user, s.length, i == 0)
		}
	}
	slices.SortStableFunc(p.wishes, func(a, b wish) int { return cmp.Compare(a.after, b.after) })
	return carryOut(call, p.wishes)
}

// carryOut is what the service made of the wishes. One that it refused (a screen to share while another's was shared)
// left no trace.
func carryOut(call *domain.Call, wishes []wish) []domain.Event {
	result := make([]domain.Event, 0, len(wishes)+1)
	for _, w := range wishes {
		events, err := call.Decide(w.command)
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
