package domain_test

import (
	"testing"

	"github.com/studycall/studycall/domain"
)

func TestLeaveSessionWhileOthersStay(t *testing.T) {
	t.Parallel()
	both := happened(started(0), joined("kim", 1), joined("lee", 2))
	var cases []decision
	for _, reason := range []domain.LeaveReason{domain.Left, domain.Disconnected, domain.Expired, domain.Removed} {
		cases = append(cases, decision{
			name:  "the stint ends: " + string(reason),
			given: both,
			when:  leave("kim", 5, reason),
			then:  happened(left("kim", 5, reason)),
		})
	}
	gone := later(both, left("kim", 5, domain.Left))
	back := later(gone, joined("kim", 8))
	check(t, append(cases, []decision{
		{name: "gone already: nothing happens", given: gone, when: leave("kim", 9, domain.Left)},
		{name: "never came", given: both, when: leave("park", 9, domain.Left), fails: domain.ErrParticipantNotFound},
		{
			name:  "another session than the latest",
			given: both,
			when:  domain.LeaveSession{SessionID: "s0", UserID: "kim", Reason: domain.Left, At: at(5)},
			fails: domain.ErrParticipantNotFound,
		},
		{
			name: "no session was ever started",
			when: leave("kim", 5, domain.Left), fails: domain.ErrParticipantNotFound,
		},
		{
			name: "no session was ever started, and none is named",
			when: domain.LeaveSession{UserID: "kim", Reason: domain.Left, At: start}, fails: domain.ErrParticipantNotFound,
		},
		{
			name:  "the time is rounded down to the millisecond",
			given: both,
			when:  leave("kim", 5.0019, domain.Left),
			then:  happened(left("kim", 5.001, domain.Left)),
		},
		{
			name:  "a clock that is behind: not before the join",
			given: both,
			when:  leave("kim", 0.5, domain.Left),
			then:  happened(left("kim", 1, domain.Left)),
		},
		{
			name:  "a clock that is behind: not before the last toggle",
			given: later(both, muted("kim", 4)),
			when:  leave("kim", 3, domain.Disconnected),
			then:  happened(left("kim", 4, domain.Disconnected)),
		},
		{
			name:  "the second stint ends as well",
			given: back,
			when:  leave("kim", 10, domain.Disconnected),
			then:  happened(left("kim", 10, domain.Disconnected)),
		},
		{
			name: "a connection lost before the newer stint: nothing happens", given: back,
			when: leave("kim", 7, domain.Disconnected),
		},
		{
			name: "a lease that ran out before the newer stint: nothing happens", given: back,
			when: leave("kim", 7.9999, domain.Expired),
		},
		{
			name:  "a leave from a server whose clock is behind by less than the tolerance: it is of this stint",
			given: later(back, muted("kim", 9)),
			when:  leave("kim", 3.001, domain.Left),
			then:  happened(left("kim", 9, domain.Left)),
		},
		{
			name: "a leave that was recorded late, of an older stint: nothing happens", given: back,
			when: leave("kim", 2.999, domain.Left),
		},
		{
			name: "a removal that was seen before the newer stint: nothing happens", given: back,
			when: leave("kim", 7, domain.Removed),
		},
		{
			name:  "a connection lost in the very millisecond in which the stint began: it ends",
			given: back,
			when:  leave("kim", 8, domain.Disconnected),
			then:  happened(left("kim", 8, domain.Disconnected)),
		},
		{
			name:  "who says so leaves, also by a clock that is behind",
			given: back,
			when:  leave("kim", 7, domain.Left),
			then:  happened(left("kim", 8, domain.Left)),
		},
	}...))
}

func TestTheLastLeaveEndsTheSession(t *testing.T) {
	t.Parallel()
	alone := happened(started(0), joined("kim", 1))
	leeLeftAt20 := happened(started(0), joined("kim", 1), joined("lee", 2), left("lee", 20, domain.Left))
	over := later(alone, left("kim", 4, domain.Left), ended(4, domain.EveryoneLeft))
	check(t, []decision{
		{
			name:  "alone",
			given: alone,
			when:  leave("kim", 4, domain.Left),
			then:  happened(left("kim", 4, domain.Left), ended(4, domain.EveryoneLeft)),
		},
		{
			name:  "the last of two",
			given: leeLeftAt20,
			when:  leave("kim", 30, domain.Removed),
			then:  happened(left("kim", 30, domain.Removed), ended(30, domain.EveryoneLeft)),
		},
		{
			name:  "a loss recorded last though it came first: the session ends with the latest leave",
			given: leeLeftAt20,
			when:  leave("kim", 10, domain.Disconnected),
			then:  happened(left("kim", 10, domain.Disconnected), ended(20, domain.EveryoneLeft)),
		},
		{
			name:  "a leave that a newer stint has overtaken does not count",
			given: later(leeLeftAt20, joined("lee", 25), left("kim", 26, domain.Left)),
			when:  leave("lee", 40, domain.Left),
			then:  happened(left("lee", 40, domain.Left), ended(40, domain.EveryoneLeft)),
		},
		{name: "it has ended: nothing happens", given: over, when: leave("kim", 9, domain.Left)},
		{
			name: "it has ended without this user", given: over,
			when: leave("lee", 9, domain.Left), fails: domain.ErrParticipantNotFound,
		},
		{
			name:  "it was closed without anybody",
			given: happened(started(0), ended(300, domain.NobodyJoined)),
			when:  leave("kim", 301, domain.Left), fails: domain.ErrParticipantNotFound,
		},
	})
}
