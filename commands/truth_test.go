package commands_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// claim is the content of an answer: a statement about the call at a position of the log.
type claim struct {
	position int64
	study    string
	text     string
	holds    func(domain.Call) bool
}

// claims are the claims of all answers, and how often each id was returned as new.
type claims struct {
	mu     sync.Mutex
	all    []claim
	newIDs map[string]int
}

func (c *claims) add(made claim, newID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, made)
	if newID != "" {
		c.newIDs[newID]++
	}
}

// Many people call random commands on two servers, without and with connections that break. Afterwards every answer is
// compared with the log: it was true at the position that it names, and every event is possible in a call.
func TestEveryAnswerAgreesWithTheLog(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]bool{"stable connections": false, "connections break": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newServer(t)
			servers := []server{a, a.another(t)}
			studies := []string{"go", "rust"}
			answers := claims{newIDs: map[string]int{}}
			stop := func() {}
			if cut {
				stop = cutConnections(t, servers...)
			}
			inParallel(16, func(i int) {
				p := person{name: fmt.Sprintf("user-%d", i%10), answers: &answers, sessions: map[string]string{}}
				for range 60 {
					err := p.act(t.Context(), servers[rand.IntN(2)], studies[rand.IntN(2)])
					expected := (*domain.Error)(nil)
					if err != nil && !errors.As(err, &expected) && !cut {
						t.Errorf("unexpected: %v", err)
					}
				}
			})
			stop()
			answers.verify(t, a)
		})
	}
}

// person calls random commands in the latest session that an answer named.
type person struct {
	name     string
	answers  *claims
	sessions map[string]string // by study
}

func (p *person) act(ctx context.Context, s server, study string) error {
	session, when := p.sessions[study], noon.Add(time.Duration(rand.IntN(60_000))*time.Millisecond)
	on := rand.IntN(2) == 0
	claimed := func(position int64, newID, text string, holds func(domain.Call) bool) {
		p.answers.add(claim{position, study, p.name + " " + text, holds}, newID)
	}
	inCall := func(matches func(*domain.Participant) bool) func(domain.Call) bool {
		return func(c domain.Call) bool {
			in := c.Session.Participant(p.name)
			return c.Session.ID == session && in.InCall() && matches(in)
		}
	}
	switch rand.IntN(8) {
	case 0, 1:
		started, err := s.StartSession(ctx, commands.StartSession{StudyID: study, UserID: p.name, At: when})
		if err != nil {
			return err
		}
		p.sessions[study] = started.SessionID
		newID := ""
		if started.Created {
			newID = started.SessionID
		}
		claimed(started.Position, newID, "started", func(c domain.Call) bool {
			return c.Session.Open() && c.Session.ID == started.SessionID && (!started.Created || c.Session.StartedBy == p.name)
		})
	case 2, 3, 4:
		joined, err := s.JoinSession(ctx, commands.JoinSession{StudyID: study, SessionID: session, UserID: p.name, At: when})
		if err != nil {
			return err
		}
		newID := ""
		if joined.First {
			newID = joined.Participant.ID
		}
		claimed(joined.Position, newID, "joined", inCall(func(in *domain.Participant) bool { return *in == joined.Participant }))
	case 5:
		leave := domain.LeaveSession{SessionID: session, UserID: p.name, Reason: domain.Left, At: when}
		position, err := s.LeaveSession(ctx, study, leave)
		if err != nil {
			return err
		}
		claimed(position, "", "left", func(c domain.Call) bool {
			// Or the leave was for an earlier stint: then this one began long after it.
			in := c.Session.Participant(p.name)
			return c.Session.ID == session && (!in.InCall() || in.Present.Since.Sub(when) > 5*time.Second)
		})
	case 6:
		mute := domain.SetToggle{SessionID: session, UserID: p.name, Toggle: domain.Muted, On: on, At: when}
		position, err := s.SetToggle(ctx, study, mute)
		if err != nil {
			return err
		}
		claimed(position, "", "muted", inCall(func(in *domain.Participant) bool { return in.Muted.Running() == on }))
	default:
		share := domain.SetToggle{SessionID: session, UserID: p.name, Toggle: domain.Sharing, On: on, At: when}
		position, err := s.SetToggle(ctx, study, share)
		if err != nil {
			return err
		}
		claimed(position, "", "shared", inCall(func(in *domain.Participant) bool { return in.Sharing.Running() == on }))
	}
	return nil
}

func (c *claims) verify(t *testing.T, s server) {
	t.Helper()
	at := map[int64][]claim{}
	for _, made := range c.all {
		at[made.position] = append(at[made.position], made)
	}
	calls, made := map[string]*domain.Call{"go": {}, "rust": {}}, map[string]int{}
	for i, r := range s.log(t) {
		event, err := r.Event()
		if err != nil || r.Position != int64(i+1) {
			t.Fatalf("event %d: %+v, %v", i+1, r, err)
		}
		call := calls[r.Study()]
		wantPossible(t, *call, event)
		switch e := event.(type) {
		case domain.SessionStarted:
			made[e.SessionID]++
		case domain.ParticipantJoined:
			if call.Session.Participant(e.UserID) == nil {
				made[e.ParticipantID]++
			}
		}
		call.Evolve(event)
		for _, claim := range at[r.Position] {
			if claim.study != r.Study() || !claim.holds(*call) {
				t.Fatalf("position %d: %q of %s is not true of %+v", r.Position, claim.text, claim.study, call.Session)
			}
		}
		delete(at, r.Position)
	}
	if len(at) > 0 {
		t.Errorf("answers name positions that the log does not have: %v", at)
	}
	for id, n := range c.newIDs {
		if n != 1 || made[id] != 1 {
			t.Errorf("%s was returned as new %d times, and is in the log %d times", id, n, made[id])
		}
	}
	if len(c.newIDs) < 5 || len(c.all) < 50 {
		t.Errorf("%d answers and %d new ids are too few", len(c.all), len(c.newIDs))
	}
	t.Logf("%d answers, %d new ids, %d events", len(c.all), len(c.newIDs), len(s.log(t)))
}

// wantPossible fails the test if an event cannot happen in a call.
func wantPossible(t *testing.T, c domain.Call, event domain.Event) {
	t.Helper()
	ok, in := c.Session.Open() && c.Session.ID == event.Session(), func(user string) *domain.Participant {
		return c.Session.Participant(user)
	}
	switch e := event.(type) {
	case domain.SessionStarted:
		ok = !c.Session.Open()
	case domain.ParticipantJoined:
		ok = ok && !in(e.UserID).InCall() && (in(e.UserID) == nil || in(e.UserID).ID == e.ParticipantID)
	case domain.ParticipantLeft:
		ok = ok && in(e.UserID).InCall()
	case domain.AudioMuted:
		ok = ok && in(e.UserID).InCall() && !in(e.UserID).Muted.Running()
	case domain.AudioUnmuted:
		ok = ok && in(e.UserID).InCall() && in(e.UserID).Muted.Running()
	case domain.ScreenShareStarted:
		for _, p := range c.Session.Participants {
			ok = ok && !p.Sharing.Running()
		}
		ok = ok && in(e.UserID).InCall()
	case domain.ScreenShareStopped:
		ok = ok && in(e.UserID).InCall() && in(e.UserID).Sharing.Running()
	case domain.SessionEnded:
		ok = ok && c.Session.InCall() == 0
	default:
		ok = false
	}
	if !ok {
		t.Fatalf("%+v cannot happen in %+v", event, c.Session)
	}
}

// cutConnections terminates random connections of the servers, which share a database, every few milliseconds, until stop.
func cutConnections(t *testing.T, servers ...server) (stop func()) {
	t.Helper()
	killer, err := servers[0].pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer killer.Release()
		var head, cut int64
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(rand.IntN(20)) * time.Millisecond):
			}
			// Only if the log has grown since: reconnecting may take longer than the pause on a busy machine.
			err := killer.QueryRow(context.WithoutCancel(ctx), `with log as (select coalesce(max(position), 0) as head from events)
				select head, (select count(pg_terminate_backend(pid)) from (
					select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and head > $1
					order by random() limit 2) victims) from log`, head).Scan(&head, &cut)
			if err != nil {
				t.Error(err)
			}
		}
	}()
	return func() {
		cancel()
		<-ended
		for _, s := range servers {
			s.pool.Reset() // some connections were terminated without noticing
		}
	}
}

var _ commands.Log = (*eventstore.Store)(nil)
