package domain_test

import (
	"testing"

	"github.com/studycall/studycall/domain"
)

// A toggle is tested as on, then off: the same table for all three.
type toggle struct {
	name    string
	set     func(session, user string, on bool, seconds float64) domain.Command
	on, off func(user string, seconds float64) domain.Event
}

func toggles() []toggle {
	return []toggle{
		{
			name: "mute",
			set: func(session, user string, on bool, seconds float64) domain.Command {
				return domain.SetAudio{SessionID: session, UserID: user, Muted: on, At: at(seconds)}
			},
			on: muted, off: unmuted,
		},
		{
			name: "camera off",
			set: func(session, user string, on bool, seconds float64) domain.Command {
				return domain.SetVideo{SessionID: session, UserID: user, Off: on, At: at(seconds)}
			},
			on: cameraOff, off: cameraOn,
		},
		{
			name: "share",
			set: func(session, user string, on bool, seconds float64) domain.Command {
				return domain.SetScreenShare{SessionID: session, UserID: user, Sharing: on, At: at(seconds)}
			},
			on: shared, off: unshared,
		},
	}
}

func TestToggles(t *testing.T) {
	t.Parallel()
	inCall := happened(started(0), joined("kim", 1), joined("lee", 1))
	var cases []decision
	for _, g := range toggles() {
		kim := func(on bool, seconds float64) domain.Command { return g.set("s1", "kim", on, seconds) }
		isOn := later(inCall, g.on("kim", 4))
		away := later(isOn, left("kim", 6, domain.Left))
		back := later(away, joined("kim", 8))
		over := later(away, left("lee", 7, domain.Left), ended(7, domain.EveryoneLeft))
		cases = append(cases, []decision{
			{name: g.name + ": on", given: inCall, when: kim(true, 4), then: happened(g.on("kim", 4))},
			{name: g.name + ": off", given: isOn, when: kim(false, 5), then: happened(g.off("kim", 5))},
			{name: g.name + ": is on already", given: isOn, when: kim(true, 5)},
			{name: g.name + ": is off already", given: inCall, when: kim(false, 5)},
			{name: g.name + ": off when a stint begins", given: back, when: kim(false, 9)},
			{name: g.name + ": on in a later stint", given: back, when: kim(true, 9), then: happened(g.on("kim", 9))},
			{name: g.name + ": off by a clock that is behind", given: isOn, when: kim(false, 2), then: happened(g.off("kim", 4))},
			{name: g.name + ": in a later stint, not before it began", given: back, when: kim(true, 3), then: happened(g.on("kim", 8))},
			{name: g.name + ": rounded down to the millisecond", given: inCall, when: kim(true, 4.0019), then: happened(g.on("kim", 4.001))},
			{name: g.name + ": out of the call", given: away, when: kim(true, 7), fails: domain.ErrParticipantNotFound},
			{name: g.name + ": never came", given: inCall, when: g.set("s1", "park", true, 4), fails: domain.ErrParticipantNotFound},
			{name: g.name + ": ended", given: over, when: kim(true, 9), fails: domain.ErrSessionEnded},
			{name: g.name + ": another session", given: inCall, when: g.set("s0", "kim", true, 4), fails: domain.ErrSessionNotFound},
			{name: g.name + ": no session", when: kim(true, 4), fails: domain.ErrSessionNotFound},
			{name: g.name + ": no session, and none is named", when: g.set("", "", true, 4), fails: domain.ErrSessionNotFound},
		}...)
	}
	check(t, cases)
}

func TestOneSharesTheScreenAtATime(t *testing.T) {
	t.Parallel()
	kimShares := happened(started(0), joined("kim", 1), joined("lee", 1), shared("kim", 4))
	lee := func(sharing bool) domain.Command {
		return domain.SetScreenShare{SessionID: "s1", UserID: "lee", Sharing: sharing, At: at(9)}
	}
	check(t, []decision{
		{
			name: "taken, and by whom", given: kimShares, when: lee(true),
			fails: &domain.Error{Code: domain.ScreenShareTaken, Details: map[string]any{"userId": "kim"}},
		},
		{name: "another's sharing is not stopped", given: kimShares, when: lee(false)},
		{
			name:  "free again after it was stopped",
			given: later(kimShares, unshared("kim", 6)), when: lee(true), then: happened(shared("lee", 9)),
		},
		{
			name:  "free again after the sharer left",
			given: later(kimShares, left("kim", 6, domain.Disconnected)), when: lee(true), then: happened(shared("lee", 9)),
		},
		{
			name:  "still free when the sharer is back",
			given: later(kimShares, left("kim", 6, domain.Left), joined("kim", 7)), when: lee(true), then: happened(shared("lee", 9)),
		},
		{
			name:  "many may be muted and without camera",
			given: later(kimShares, muted("kim", 5), cameraOff("kim", 5)),
			when:  domain.SetVideo{SessionID: "s1", UserID: "lee", Off: true, At: at(9)},
			then:  happened(cameraOff("lee", 9)),
		},
	})
}
