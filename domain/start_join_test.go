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
	check(t, []decision{
		{
			name: "a study that never met: a session opens, with nobody in it",
			when: startAt(start),
			then: happened(started(0)),
		},
		{
			name:  "one is open: nothing happens",
			given: happened(started(0)),
			when:  next(5),
		},
		{
			name:  "one is open with people in it: nothing happens",
			given: happened(started(0), joined("kim", 1)),
			when:  next(5),
		},
		{
			name:  "the last one ended: the next one opens",
			given: happened(started(0), joined("kim", 1), left("kim", 4, domain.Left), ended(4, domain.EveryoneLeft)),
			when:  next(9),
			then:  happened(s2(9)),
		},
		{
			name:  "a clock that is behind: the next one does not open before the last one ended",
			given: happened(started(0), ended(300, domain.NobodyJoined)),
			when:  next(100),
			then:  happened(s2(300)),
		},
		{
			name: "the time is rounded down to the millisecond",
			when: startAt(start.Add(1999 * time.Microsecond)),
			then: happened(started(0.001)),
		},
		{
			name: "the time is UTC",
			when: startAt(start.In(seoul)),
			then: happened(started(0)),
		},
	})
}

func TestJoinSession(t *testing.T) {
	t.Parallel()
	came := happened(started(0), joined("kim", 1))
	away := later(came, joined("lee", 2), left("kim", 5, domain.Left))
	over := happened(started(0), joined("kim", 1), left("kim", 4, domain.Left), ended(4, domain.EveryoneLeft))
	only := func(capacity int, user string, seconds float64) domain.Command {
		cmd := join(user, seconds)
		cmd.Capacity = capacity
		return cmd
	}
	full := &domain.Error{Code: domain.RoomFull, Details: map[string]any{"capacity": 1}}
	check(t, []decision{
		{
			name:  "first join: a new record",
			given: happened(started(0)),
			when:  join("kim", 3),
			then: happened(domain.ParticipantJoined{
				Fact: fact(3), ParticipantID: "new-kim", UserID: "kim",
			}),
		},
		{
			name:  "in the call already: nothing happens",
			given: came,
			when:  join("kim", 9),
		},
		{
			name:  "back again: the same record",
			given: away,
			when:  join("kim", 9),
			then:  happened(joined("kim", 9)),
		},
		{
			name:  "back again by a clock that is behind: not before the leave",
			given: away,
			when:  join("kim", 3),
			then:  happened(joined("kim", 5)),
		},
		{
			name:  "a clock that is behind: not before the session opened",
			given: happened(started(10)),
			when:  join("kim", 3),
			then: happened(domain.ParticipantJoined{
				Fact: fact(10), ParticipantID: "new-kim", UserID: "kim",
			}),
		},
		{
			name:  "another's time does not count: the clock may be behind theirs",
			given: happened(started(0), joined("lee", 60)),
			when:  join("kim", 30),
			then: happened(domain.ParticipantJoined{
				Fact: fact(30), ParticipantID: "new-kim", UserID: "kim",
			}),
		},
		{
			name:  "the time is rounded down to the millisecond",
			given: happened(started(0)),
			when:  join("kim", 3.0009),
			then: happened(domain.ParticipantJoined{
				Fact: fact(3), ParticipantID: "new-kim", UserID: "kim",
			}),
		},
		{name: "full", given: came, when: only(1, "lee", 3), fails: full},
		{name: "full, but in it already: nothing happens", given: came, when: only(1, "kim", 3)},
		{name: "full while away", given: away, when: only(1, "kim", 9), fails: full},
		{
			name:  "who left makes room",
			given: away,
			when:  only(2, "park", 9),
			then: happened(domain.ParticipantJoined{
				Fact: fact(9), ParticipantID: "new-park", UserID: "park",
			}),
		},
		{name: "no session was ever started", when: join("kim", 3), fails: domain.ErrSessionNotFound},
		{
			name: "no session was ever started, and none is named",
			when: domain.JoinSession{UserID: "kim", Capacity: 12, At: start}, fails: domain.ErrSessionNotFound,
		},
		{
			name:  "another session than the latest",
			given: came,
			when:  domain.JoinSession{SessionID: "s0", ParticipantID: "p", UserID: "lee", Capacity: 12, At: at(3)},
			fails: domain.ErrSessionNotFound,
		},
		{name: "it has ended, for who was there", given: over, when: join("kim", 9), fails: domain.ErrSessionEnded},
		{name: "it has ended, for who was not", given: over, when: join("lee", 9), fails: domain.ErrSessionEnded},
	})
}

func TestExpireSession(t *testing.T) {
	t.Parallel()
	expire := func(seconds float64) domain.Command {
		return domain.ExpireSession{SessionID: "s1", At: at(seconds)}
	}
	check(t, []decision{
		{
			name:  "nobody came: it ends when it is closed",
			given: happened(started(0)),
			when:  expire(300),
			then:  happened(ended(300, domain.NobodyJoined)),
		},
		{
			name:  "a clock that is behind: it does not end before it opened",
			given: happened(started(10)),
			when:  expire(5),
			then:  happened(ended(10, domain.NobodyJoined)),
		},
		{name: "somebody came after all: nothing happens", given: happened(started(0), joined("kim", 299)), when: expire(300)},
		{
			name:  "it has ended",
			given: happened(started(0), ended(300, domain.NobodyJoined)),
			when:  expire(600),
			fails: domain.ErrSessionEnded,
		},
		{name: "unknown", when: expire(300), fails: domain.ErrSessionNotFound},
		{
			name:  "another session than the latest",
			given: happened(started(0)),
			when:  domain.ExpireSession{SessionID: "s0", At: at(300)},
			fails: domain.ErrSessionNotFound,
		},
	})
}
