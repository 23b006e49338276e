package projections_test

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// histories generates random histories of several studies by random commands to the domain, and appends them to the log. Each
// example uses new studies, so examples share a database.
type histories struct {
	r       *rapid.T
	srv     *server
	studies []string
	calls   map[string]*domain.Call
	pending map[string][]domain.Event // decided, and not yet appended
	clock   time.Time
	ids     int
}

// moments returns times of interest: beginnings of days, months and years in one of the time zones, and changes of New York's
// clocks.
func moments() []time.Time {
	var all []time.Time
	for _, text := range []string{
		"2025-03-09T07:00:00Z", // New York springs forward
		"2025-11-02T06:00:00Z", // and falls back
		"2025-11-19T15:00:00Z", // midnight in Seoul
		"2024-02-29T18:15:00Z", // midnight in Kathmandu, on a leap day
		"2026-01-01T00:00:00Z", // new year in UTC
		"2025-07-01T04:00:00Z", // midnight in New York, in summer
	} {
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			panic(err)
		}
		all = append(all, moment)
	}
	return all
}

// names returns users, some of whom need escapes in JSON, SQL or arrays. All studies have the same users.
func names() []string { return []string{"kim", "이 \"영희\"", `o'park\n`, "{choi}", "null"} }

func (srv *server) newHistories(r *rapid.T) *histories {
	srv.next++
	s := &histories{r: r, srv: srv, calls: map[string]*domain.Call{}, pending: map[string][]domain.Event{}}
	for n := range rapid.IntRange(1, 3).Draw(r, "studies") {
		study := fmt.Sprintf("study-%d-%d", srv.next, n)
		s.studies = append(s.studies, study)
		s.calls[study] = &domain.Call{}
	}
	s.clock = rapid.SampledFrom(moments()).Draw(r, "near").Add(-s.duration("before", 4*time.Hour))
	return s
}

func (s *histories) duration(label string, most time.Duration) time.Duration {
	return time.Duration(rapid.Int64Range(0, most.Microseconds()).Draw(s.r, label)) * time.Microsecond
}

// step executes a random command on a random study, and sometimes appends the pending events.
func (s *histories) step() {
	s.clock = s.clock.Add(s.duration("later", rapid.SampledFrom([]time.Duration{
		0, 50 * time.Millisecond, time.Minute, time.Minute, 20 * time.Minute, 40 * time.Minute, 5 * time.Hour}).Draw(s.r, "pace")))
	study := rapid.SampledFrom(s.studies).Draw(s.r, "study")
	for _, command := range s.commands(study) {
		// A command that is refused, or changes nothing, adds no events.
		events, err := s.calls[study].Decide(command)
		if err != nil {
			continue
		}
		for _, event := range events {
			s.calls[study].Evolve(event)
		}
		s.pending[study] = append(s.pending[study], events...)
	}
	if rapid.IntRange(0, 7).Draw(s.r, "append") == 0 {
		s.append(study)
	}
}

// commands returns the next commands: usually one, sometimes one for each participant.
func (s *histories) commands(study string) []domain.Command {
	s.ids++
	id := fmt.Sprintf("%s-%d", study, s.ids)
	session := s.calls[study].Session
	user := rapid.SampledFrom(names()).Draw(s.r, "user")
	on := rapid.Bool().Draw(s.r, "on")
	kind := rapid.IntRange(0, 19).Draw(s.r, "command")
	if !session.Open() && kind < 12 {
		kind = 0
	}
	at := s.clock
	switch kind {
	case 0:
		return []domain.Command{domain.StartSession{SessionID: id, UserID: user, At: at}}
	case 1, 2, 3, 4, 5: // if the user is in the call: a second device
		return []domain.Command{domain.JoinSession{SessionID: session.ID, ParticipantID: id, UserID: user, Capacity: 4, At: at}}
	case 6, 7:
		return []domain.Command{domain.LeaveSession{SessionID: session.ID, UserID: user, Reason: domain.Left, At: at}}
	case 8, 9: // recorded late
		reason := rapid.SampledFrom([]domain.LeaveReason{domain.Disconnected, domain.Expired}).Draw(s.r, "reason")
		return []domain.Command{domain.LeaveSession{SessionID: session.ID, UserID: user, Reason: reason, At: at.Add(-s.duration("ago", 10*time.Minute))}}
	case 10, 11:
		return everybodyLeaves(session, at)
	case 12, 13, 14:
		return []domain.Command{domain.SetToggle{SessionID: session.ID, UserID: user, Toggle: domain.Muted, On: on, At: at}}
	case 15, 16:
		return []domain.Command{domain.SetToggle{SessionID: session.ID, UserID: user, Toggle: domain.CameraOff, On: on, At: at}}
	case 17, 18: // by a clock that is slow
		return []domain.Command{domain.SetToggle{SessionID: session.ID, UserID: user, Toggle: domain.Sharing, On: on, At: at.Add(-s.duration("behind", time.Minute))}}
	default:
		return []domain.Command{domain.ExpireSession{SessionID: session.ID, At: at}}
	}
}

func everybodyLeaves(session domain.Session, at time.Time) []domain.Command {
	var commands []domain.Command
	for _, p := range session.Participants {
		commands = append(commands, domain.LeaveSession{SessionID: session.ID, UserID: p.UserID, Reason: domain.Left, At: at})
	}
	return commands
}

// append appends the pending events of a study to the log.
func (s *histories) append(study string) {
	events := s.pending[study]
	if len(events) == 0 {
		return
	}
	if _, err := s.srv.store.Append(s.srv.t.Context(), eventstore.Stream(study), s.srv.versions[study], events); err != nil {
		s.r.Fatal(err)
	}
	s.srv.versions[study] += int64(len(events))
	s.pending[study] = nil
}

// run executes some steps, calls do after each, and appends all pending events.
func (s *histories) run(most int, do func()) {
	for range rapid.IntRange(1, most).Draw(s.r, "commands") {
		s.step()
		do()
	}
	for _, study := range s.studies {
		s.append(study)
	}
}
