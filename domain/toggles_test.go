package domain_test

import (
	"testing"

	"github.com/studycall/studycall/domain"
)

// toggle describes one of the three toggles, so that one table of cases tests all three.
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
				return domain.SetToggle{SessionID: session, UserID: user, Toggle: domain.Muted, On: on, At: at(seconds)}
			},
			on: muted, off: unmuted,
		},
		{
			name: "camera off",
			set: func(session, user string, on bool, seconds float64) domain.Command {
				return domain.SetToggle{SessionID: session, UserID: user, Toggle: domain.CameraOff, On: on, At: at(seconds)}
			},
			on: cameraOff, off: cameraOn,
		},
		{
			name: "share",
			set: func(session, user string, on bool, seconds float64) domain.Command {
				return domain.SetToggle{SessionID: session, UserID: user, Toggle: domain.Sharing, On: on, At: at(seconds)}
			},
			on: shared, off: unshared,
		},
	}
}

func TestTogglesRecordOnlyChangesOfParticipantsInTheCall(t *testing.T) {
	t.Parallel()
	inCall := events(started(0), joined("kim", 1), joined("lee", 1))
	var cases []decision
	for _, g := range toggles() {
		kim := func(on bool, seconds float64) domain.Command { return g.set("s1", "kim", on, seconds) }
		isOn := extended(inCall, g.on("kim", 4))
		kimLeft := extended(isOn, left("kim", 6, domain.Left))
		joinedAgain := extended(kimLeft, joined("kim", 8))
		sessionEnded := extended(kimLeft, left("lee", 7, domain.Left), ended(7, domain.EveryoneLeft))
		cases = append(cases, []decision{
			{name: g.name + ": on", given: inCall, when: kim(true, 4), then: events(g.on("kim", 4))},
			{name: g.name + ": off", given: isOn, when: kim(false, 5), then: events(g.off("kim", 5))},
			{name: g.name + ": on while on", given: isOn, when: kim(true, 5)},
			{name: g.name + ": off while off", given: inCall, when: kim(false, 5)},
			{name: g.name + ": off at the begin of a stint", given: joinedAgain, when: kim(false, 9)},
			{name: g.name + ": on in a later stint", given: joinedAgain, when: kim(true, 9), then: events(g.on("kim", 9))},
			{name: g.name + ": off with a lagging clock", given: isOn, when: kim(false, 2), then: events(g.off("kim", 4))},
			{name: g.name + ": in a later stint, not before it began", given: joinedAgain, when: kim(true, 3), then: events(g.on("kim", 8))},
			{name: g.name + ": rounded down to the millisecond", given: inCall, when: kim(true, 4.0019), then: events(g.on("kim", 4.001))},
			{name: g.name + ": outside the call", given: kimLeft, when: kim(true, 7), err: domain.ErrParticipantNotFound},
			{name: g.name + ": never joined", given: inCall, when: g.set("s1", "park", true, 4), err: domain.ErrParticipantNotFound},
			{name: g.name + ": the session has ended", given: sessionEnded, when: kim(true, 9), err: domain.ErrSessionEnded},
			{name: g.name + ": another session", given: inCall, when: g.set("s0", "kim", true, 4), err: domain.ErrSessionNotFound},
			{name: g.name + ": no session exists", when: kim(true, 4), err: domain.ErrSessionNotFound},
			{name: g.name + ": no session exists, and none is named", when: g.set("", "", true, 4), err: domain.ErrSessionNotFound},
		}...)
	}
	checkDecisions(t, cases)
}

func TestOneParticipantSharesTheScreenAtATime(t *testing.T) {
	t.Parallel()
	kimShares := events(started(0), joined("kim", 1), joined("lee", 1), shared("kim", 4))
	lee := func(sharing bool) domain.Command {
		return domain.SetToggle{SessionID: "s1", UserID: "lee", Toggle: domain.Sharing, On: sharing, At: at(9)}
	}
	checkDecisions(t, []decision{
		{
			name: "taken, and by whom", given: kimShares, when: lee(true),
			err: &domain.Error{Code: domain.ScreenShareTaken, Details: map[string]any{"userId": "kim"}},
		},
		{name: "another's sharing is not stopped", given: kimShares, when: lee(false)},
		{
			name:  "free after the share was stopped",
			given: extended(kimShares, unshared("kim", 6)), when: lee(true), then: events(shared("lee", 9)),
		},
		{
			name:  "free after the sharing participant left",
			given: extended(kimShares, left("kim", 6, domain.Disconnected)), when: lee(true), then: events(shared("lee", 9)),
		},
		{
			name:  "still free after the sharing participant joined again",
			given: extended(kimShares, left("kim", 6, domain.Left), joined("kim", 7)), when: lee(true), then: events(shared("lee", 9)),
		},
		{
			name:  "several participants may be muted and without camera",
			given: extended(kimShares, muted("kim", 5), cameraOff("kim", 5)),
			when:  domain.SetToggle{SessionID: "s1", UserID: "lee", Toggle: domain.CameraOff, On: true, At: at(9)},
			then:  events(cameraOff("lee", 9)),
		},
	})
}
