package domain_test

import (
	"testing"

	"github.com/studycall/studycall/domain"
)

func TestLeaveSessionWithOthersInTheCall(t *testing.T) {
	t.Parallel()
	kimAndLee := events(started(0), joined("kim", 1), joined("lee", 2))
	var cases []decision
	for _, reason := range []domain.LeaveReason{domain.Left, domain.Disconnected, domain.Expired, domain.Removed} {
		cases = append(cases, decision{
			name:  "the stint ends: " + string(reason),
			given: kimAndLee,
			when:  leave("kim", 5, reason),
			then:  events(left("kim", 5, reason)),
		})
	}
	leftAlready := extended(kimAndLee, left("kim", 5, domain.Left))
	joinedAgain := extended(leftAlready, joined("kim", 8))
	checkDecisions(t, append(cases, []decision{
		{name: "has left already: no event", given: leftAlready, when: leave("kim", 9, domain.Left)},
		{name: "never joined", given: kimAndLee, when: leave("park", 9, domain.Left), err: domain.ErrParticipantNotFound},
		{
			name:  "another session than the latest",
			given: kimAndLee,
			when:  domain.LeaveSession{SessionID: "s0", UserID: "kim", Reason: domain.Left, At: at(5)},
			err:   domain.ErrParticipantNotFound,
		},
		{
			name: "no session exists",
			when: leave("kim", 5, domain.Left), err: domain.ErrParticipantNotFound,
		},
		{
			name: "no session exists, and none is named",
			when: domain.LeaveSession{UserID: "kim", Reason: domain.Left, At: start}, err: domain.ErrParticipantNotFound,
		},
		{
			name:  "the time is rounded down to the millisecond",
			given: kimAndLee,
			when:  leave("kim", 5.0019, domain.Left),
			then:  events(left("kim", 5.001, domain.Left)),
		},
		{
			name:  "a lagging clock: not before the join",
			given: kimAndLee,
			when:  leave("kim", 0.5, domain.Left),
			then:  events(left("kim", 1, domain.Left)),
		},
		{
			name:  "a lagging clock: not before the last toggle",
			given: extended(kimAndLee, muted("kim", 4)),
			when:  leave("kim", 3, domain.Disconnected),
			then:  events(left("kim", 4, domain.Disconnected)),
		},
		{
			name:  "the second stint ends",
			given: joinedAgain,
			when:  leave("kim", 10, domain.Disconnected),
			then:  events(left("kim", 10, domain.Disconnected)),
		},
		{
			name: "a connection lost before the newer stint: no event", given: joinedAgain,
			when: leave("kim", 7, domain.Disconnected),
		},
		{
			name: "a lease that expired before the newer stint: no event", given: joinedAgain,
			when: leave("kim", 7.9999, domain.Expired),
		},
		{
			name:  "a leave from a server whose clock lags by less than the tolerance ends this stint",
			given: extended(joinedAgain, muted("kim", 9)),
			when:  leave("kim", 3.001, domain.Left),
			then:  events(left("kim", 9, domain.Left)),
		},
		{
			name: "a late leave of an earlier stint: no event", given: joinedAgain,
			when: leave("kim", 2.999, domain.Left),
		},
		{
			name: "a removal before the newer stint: no event", given: joinedAgain,
			when: leave("kim", 7, domain.Removed),
		},
		{
			name:  "a connection lost in the millisecond in which the stint began: the stint ends",
			given: joinedAgain,
			when:  leave("kim", 8, domain.Disconnected),
			then:  events(left("kim", 8, domain.Disconnected)),
		},
		{
			name:  "the user leaves, with the time of a lagging clock",
			given: joinedAgain,
			when:  leave("kim", 7, domain.Left),
			then:  events(left("kim", 8, domain.Left)),
		},
	}...))
}

func TestTheLastLeaveEndsTheSession(t *testing.T) {
	t.Parallel()
	onlyKim := events(started(0), joined("kim", 1))
	leeLeftAt20 := events(started(0), joined("kim", 1), joined("lee", 2), left("lee", 20, domain.Left))
	sessionEnded := extended(onlyKim, left("kim", 4, domain.Left), ended(4, domain.EveryoneLeft))
	checkDecisions(t, []decision{
		{
			name:  "alone",
			given: onlyKim,
			when:  leave("kim", 4, domain.Left),
			then:  events(left("kim", 4, domain.Left), ended(4, domain.EveryoneLeft)),
		},
		{
			name:  "the last of two",
			given: leeLeftAt20,
			when:  leave("kim", 30, domain.Removed),
			then:  events(left("kim", 30, domain.Removed), ended(30, domain.EveryoneLeft)),
		},
		{
			name:  "a disconnect recorded last, with the earliest time: the session ends at the latest leave",
			given: leeLeftAt20,
			when:  leave("kim", 10, domain.Disconnected),
			then:  events(left("kim", 10, domain.Disconnected), ended(20, domain.EveryoneLeft)),
		},
		{
			name:  "the leave of an earlier stint does not set the end",
			given: extended(leeLeftAt20, joined("lee", 25), left("kim", 26, domain.Left)),
			when:  leave("lee", 40, domain.Left),
			then:  events(left("lee", 40, domain.Left), ended(40, domain.EveryoneLeft)),
		},
		{name: "the session has ended: no event", given: sessionEnded, when: leave("kim", 9, domain.Left)},
		{
			name: "the session has ended, and this user never joined it", given: sessionEnded,
			when: leave("lee", 9, domain.Left), err: domain.ErrParticipantNotFound,
		},
		{
			name:  "the session expired without participants",
			given: events(started(0), ended(300, domain.NobodyJoined)),
			when:  leave("kim", 301, domain.Left), err: domain.ErrParticipantNotFound,
		},
	})
}
