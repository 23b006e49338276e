package commands_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// step is a command in a form that can be carried out in different studies. Sessions are numbered: the study's first,
// second, and so on. 0 is an unknown session.
type step struct {
	kind    int
	user    string
	session int
	on      bool
	reason  domain.LeaveReason
	at      time.Time
}

func steps() *rapid.Generator[step] {
	return rapid.Custom(func(t *rapid.T) step {
		return step{
			kind:    rapid.SampledFrom([]int{0, 1, 1, 1, 2, 2, 3, 4, 5}).Draw(t, "kind"),
			user:    rapid.SampledFrom([]string{"kim", "lee", "park", "stranger"}).Draw(t, "user"),
			session: rapid.IntRange(-8, 3).Draw(t, "session"), // below 0: the latest
			on:      rapid.Bool().Draw(t, "on"),
			reason:  rapid.SampledFrom([]domain.LeaveReason{domain.Left, domain.Disconnected, domain.Expired}).Draw(t, "reason"),
			at:      noon.Add(time.Duration(rapid.IntRange(0, 100_000).Draw(t, "ms")) * time.Millisecond),
		}
	})
}

// run is a study in which steps are carried out. handlers returns the handlers for the next step.
type run struct {
	name     string
	study    string
	newID    func() string
	sessions []string
	handlers func() *commands.Handlers
}

// carryOut returns the result and the error's code, without the study's own ids.
func (r *run) carryOut(ctx context.Context, q step) (answer any, code string) {
	session := "unknown"
	if n := len(r.sessions); q.session < 0 && n > 0 {
		session = r.sessions[n-1]
	} else if q.session > 0 && q.session <= n {
		session = r.sessions[q.session-1]
	}
	h, err := r.handlers(), error(nil)
	switch q.kind {
	case 0:
		var started commands.Started
		started, err = h.StartSession(ctx, commands.StartSession{StudyID: r.study, UserID: q.user, At: q.at})
		if started.Created {
			r.sessions = append(r.sessions, started.SessionID)
		}
		started.Position = 0 // other studies have events of their own
		answer = started
	case 1:
		var joined commands.Joined
		joined, err = h.JoinSession(ctx, commands.JoinSession{StudyID: r.study, SessionID: session, UserID: q.user, At: q.at})
		joined.Position = 0
		answer = joined
	case 2:
		leave := domain.LeaveSession{SessionID: session, UserID: q.user, Reason: q.reason, At: q.at}
		_, err = h.LeaveSession(ctx, r.study, leave)
	case 3:
		_, err = h.SetToggle(ctx, r.study, domain.SetToggle{SessionID: session, UserID: q.user, Toggle: domain.Muted, On: q.on, At: q.at})
	case 4:
		_, err = h.SetToggle(ctx, r.study, domain.SetToggle{SessionID: session, UserID: q.user, Toggle: domain.CameraOff, On: q.on, At: q.at})
	case 5:
		share := domain.SetToggle{SessionID: session, UserID: q.user, Toggle: domain.Sharing, On: q.on, At: q.at}
		_, err = h.SetToggle(ctx, r.study, share)
	}
	expected := (*domain.Error)(nil)
	switch {
	case err == nil:
	case errors.As(err, &expected):
		code = fmt.Sprint(expected.Code, expected.Details)
	default:
		code = "unexpected: " + err.Error()
	}
	return r.neutral(answer), code
}

func (r *run) neutral(answer any) string {
	return strings.ReplaceAll(fmt.Sprintf("%+v", answer), r.study, "study")
}

// history describes the events of the study.
func (r *run) history(ctx context.Context, store *eventstore.Store) ([]string, error) {
	recorded, err := store.ReadStreamPage(ctx, eventstore.Stream(r.study), 0, 10_000)
	var all []string
	for _, e := range recorded {
		all = append(all, r.neutral(fmt.Sprint(e.Version, e.Session, e.Type, string(e.Data), e.OccurredAt)))
	}
	return all, err
}

// The same commands are carried out on a cached call, on a call that is loaded for each command, and on two servers in turn,
// each of which overtakes the other. All return the same results and append the same events.
func TestCachingChangesNoResult(t *testing.T) {
	t.Parallel()
	a := newServer(t)
	b := a.another(t)
	var studies atomic.Int64
	settings := commands.Settings{Capacity: 2, CachedCalls: 10}
	rapid.Check(t, func(t *rapid.T) {
		newRun := func(name string, handlers func(newID func() string) func() *commands.Handlers) *run {
			study := fmt.Sprintf("%s-%d", name, studies.Add(1))
			newID := counted(study + "-")
			return &run{name: name, study: study, newID: newID, handlers: handlers(newID)}
		}
		handlersOf := func(s server, newID func() string) *commands.Handlers {
			h, err := commands.New(s.store, access(members), settings, newID)
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		runs := []*run{
			newRun("cached", func(newID func() string) func() *commands.Handlers {
				h := handlersOf(a, newID)
				return func() *commands.Handlers { return h }
			}),
			newRun("fresh", func(newID func() string) func() *commands.Handlers {
				return func() *commands.Handlers { return handlersOf(a, newID) }
			}),
			newRun("in turn", func(newID func() string) func() *commands.Handlers {
				both, n := []*commands.Handlers{handlersOf(a, newID), handlersOf(b, newID)}, 0
				return func() *commands.Handlers { n++; return both[n*n/3%2] } // 0 1 1 1 0 0 0 1 …
			}),
		}
		for _, q := range rapid.SliceOfN(steps(), 1, 30).Draw(t, "commands") {
			want, wantCode := runs[0].carryOut(context.Background(), q)
			for _, r := range runs[1:] {
				if got, code := r.carryOut(context.Background(), q); got != want || code != wantCode {
					t.Fatalf("%+v: %s returns %s %s, cached returns %s %s", q, r.name, got, code, want, wantCode)
				}
			}
			if strings.HasPrefix(wantCode, "unexpected") {
				t.Fatalf("%+v: %s", q, wantCode)
			}
		}
		want, err := runs[0].history(context.Background(), a.store)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs[1:] {
			if got, err := r.history(context.Background(), a.store); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: got\n%q, %v, want\n%q", r.name, got, err, want)
			}
		}
	})
}
