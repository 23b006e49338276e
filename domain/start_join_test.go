package domain_test

import (
	"testing"
	"time"

	"github.com/studycall/studycall/domain"
)

func TestStartSession(t *testing.T) {
	t.Parallel()
	seoul := time.FixedZone("KST", 9*60*60)
	startAt := func(when time.Time) domain.Command {
		return domain.StartSession{SessionID: "s1", UserID: "kim", At: when}
	}
	next := func(seconds float64) domain.Command {
		return domain.StartSession{SessionID: "s2", UserID: "lee", At: at(seconds)}
	}
	s2 := func(seconds float64) domain.Event {
		return domain.SessionStarted{Fact: domain.Fact{SessionID: "s2", At: at(seconds)}, StartedBy: "lee"}
	}
	checkDecisions(t, []decision{
		{
			name: "no session exists: a session starts, without participants",
			when: startAt(start),
			then: events(started(0)),
		},
		{
			name:  "a session is open: no event",
			given: events(started(0)),
			when:  next(5),
		},
		{
			name:  "a session is open with participants: no event",
			given: events(started(0), joined("kim", 1)),
			when:  next(5),
		},
		{
			name:  "the previous session has ended: the next one starts",
			given: events(started(0), joined("kim", 1), left("kim", 4, domain.Left), ended(4, domain.EveryoneLeft)),
			when:  next(9),
			then:  events(s2(9)),
		},
		{
			name:  "a lagging clock: the next session does not start before the end of the previous one",
			given: events(started(0), ended(300, domain.NobodyJoined)),
			when:  next(100),
			then:  events(s2(300)),
		},
		{
			name: "the time is rounded down to the millisecond",
			when: startAt(start.Add(1999 * time.Microsecond)),
			then: events(started(0.001)),
		},
		{
			name: "the time is UTC",
			when: startAt(start.In(seoul)),
			then: events(started(0)),
		},
	})
}

func TestJoinSession(t *testing.T) {
	t.Parallel()
	kimJoined := events(started(0), joined("kim", 1))
	kimLeft := extended(kimJoined, joined("lee", 2), left("kim", 5, domain.Left))
	sessionEnded := events(started(0), joined("kim", 1), left("kim", 4, domain.Left), ended(4, domain.EveryoneLeft))
	joinWithCapacity := func(capacity int, user string, seconds float64) domain.Command {
		cmd := join(user, seconds)
		cmd.Capacity = capacity
		return cmd
	}
	full := &domain.Error{Code: domain.RoomFull, Details: map[string]any{"capacity": 1}}
	checkDecisions(t, []decision{
		{
			name:  "first join: a new record",
			given: events(started(0)),
			when:  join("kim", 3),
			then: events(domain.ParticipantJoined{
				Fact: fact(3), ParticipantID: "new-kim", UserID: "kim",
			}),
		},
		{
			name:  "in the call already: no event",
			given: kimJoined,
			when:  join("kim", 9),
		},
		{
			name:  "second stint: the same record",
			given: kimLeft,
			when:  join("kim", 9),
			then:  events(joined("kim", 9)),
		},
		{
			name:  "second stint with a lagging clock: not before the leave",
			given: kimLeft,
			when:  join("kim", 3),
			then:  events(joined("kim", 5)),
		},
		{
			name:  "a lagging clock: not before the start of the session",
			given: events(started(10)),
			when:  join("kim", 3),
			then: events(domain.ParticipantJoined{
				Fact: fact(10), ParticipantID: "new-kim", UserID: "kim",
			}),
		},
		{
			name:  "the time may be before another participant's",
			given: events(started(0), joined("lee", 60)),
			when:  join("kim", 30),
			then: events(domain.ParticipantJoined{
				Fact: fact(30), ParticipantID: "new-kim", UserID: "kim",
			}),
		},
		{
			name:  "the time is rounded down to the millisecond",
			given: events(started(0)),
			when:  join("kim", 3.0009),
			then: events(domain.ParticipantJoined{
				Fact: fact(3), ParticipantID: "new-kim", UserID: "kim",
			}),
		},
		{name: "full", given: kimJoined, when: joinWithCapacity(1, "lee", 3), err: full},
		{name: "full, but in the call already: no event", given: kimJoined, when: joinWithCapacity(1, "kim", 3)},
		{name: "full after a leave", given: kimLeft, when: joinWithCapacity(1, "kim", 9), err: full},
		{
			name:  "a leave frees a place",
			given: kimLeft,
			when:  joinWithCapacity(2, "park", 9),
			then: events(domain.ParticipantJoined{
				Fact: fact(9), ParticipantID: "new-park", UserID: "park",
			}),
		},
		{name: "no session exists", when: join("kim", 3), err: domain.ErrSessionNotFound},
		{
			name: "no session exists, and none is named",
			when: domain.JoinSession{UserID: "kim", Capacity: 12, At: start}, err: domain.ErrSessionNotFound,
		},
		{
			name:  "another session than the latest",
			given: kimJoined,
			when:  domain.JoinSession{SessionID: "s0", ParticipantID: "p", UserID: "lee", Capacity: 12, At: at(3)},
			err:   domain.ErrSessionNotFound,
		},
		{name: "the session has ended, and the user had joined it", given: sessionEnded, when: join("kim", 9), err: domain.ErrSessionEnded},
		{name: "the session has ended, and the user never joined it", given: sessionEnded, when: join("lee", 9), err: domain.ErrSessionEnded},
	})
}

func TestExpireSessionEndsOnlyAnEmptySession(t *testing.T) {
	t.Parallel()
	expire := func(seconds float64) domain.Command {
		return domain.ExpireSession{SessionID: "s1", At: at(seconds)}
	}
	checkDecisions(t, []decision{
		{
			name:  "no participants: the session ends at the time of the command",
			given: events(started(0)),
			when:  expire(300),
			then:  events(ended(300, domain.NobodyJoined)),
		},
		{
			name:  "a lagging clock: the session does not end before its start",
			given: events(started(10)),
			when:  expire(5),
			then:  events(ended(10, domain.NobodyJoined)),
		},
		{name: "a user has joined: no event", given: events(started(0), joined("kim", 299)), when: expire(300)},
		{
			name:  "the session has ended",
			given: events(started(0), ended(300, domain.NobodyJoined)),
			when:  expire(600),
			err:   domain.ErrSessionEnded,
		},
		{name: "no session exists", when: expire(300), err: domain.ErrSessionNotFound},
		{
			name:  "another session than the latest",
			given: events(started(0)),
			when:  domain.ExpireSession{SessionID: "s0", At: at(300)},
			err:   domain.ErrSessionNotFound,
		},
	})
}
