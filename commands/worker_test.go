package commands_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// enqueue calls a command while another one's append is in progress, and waits until it is in the queue.
func enqueue(t *testing.T, s server, command func(ctx context.Context) error) (answer <-chan error, cancel func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	before := s.Queued("go")
	go func() { done <- command(ctx) }()
	check.Eventually(t, "the command is in the queue", func() bool { return s.Queued("go") == before+1 })
	return done, cancel
}

// startAppend calls a command while the worker is idle, and waits until its append waits for the lock.
func startAppend(t *testing.T, s server, command func(ctx context.Context) error) (answer <-chan error, cancel func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- command(ctx) }()
	s.waitForAppend(t)
	return done, cancel
}

func muteAt(s server, session, user string, when time.Time) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		_, err := s.SetToggle(ctx, "go", domain.SetToggle{SessionID: session, UserID: user, Toggle: domain.Muted, On: true, At: when})
		return err
	}
}

// inCall starts a server with a study whose call all users have joined.
func inCall(t *testing.T, users ...string) (s server, session string) {
	t.Helper()
	s = newServer(t)
	session = s.mustStart(t, "go", "kim", 0).SessionID
	for _, user := range users {
		s.mustJoin(t, "go", session, user, 1)
	}
	return s, session
}

func joins(users ...string) []string {
	result := []string{"go SessionStarted kim"}
	for _, user := range users {
		result = append(result, "go ParticipantJoined "+user)
	}
	return result
}

// A command whose caller cancels returns at once and does not undo the other commands, whether the append is in progress or
// has not begun.
func TestACancelledCallerAffectsNoOtherCommand(t *testing.T) {
	t.Parallel()
	users := []string{"kim", "lee", "park"}
	s, session := inCall(t, users...)
	release := s.holdAppends(t)
	inProgress, cancel := startAppend(t, s, muteAt(s, session, "kim", at(5)))
	waiting, cancelWaiting := enqueue(t, s, muteAt(s, session, "lee", at(5)))
	other, _ := enqueue(t, s, muteAt(s, session, "park", at(5)))
	cancel()
	cancelWaiting()
	wantError(t, <-inProgress, context.Canceled)
	wantError(t, <-waiting, context.Canceled)
	release()
	if err := <-other; err != nil {
		t.Errorf("the other command failed: %v", err)
	}
	// The append of lee's command had not begun, so the command is dropped.
	s.wantEvents(t, append(joins(users...), "go AudioMuted kim", "go AudioMuted park")...)
	if _, err := s.mute(t, session, "lee", 6); err != nil {
		t.Error(err)
	}
}

// A command whose event the database refuses fails alone, although the batch around it is appended together.
func TestARefusedEventFailsOnlyItsOwnCommand(t *testing.T) {
	t.Parallel()
	users := []string{"kim", "lee", "park", "choi"}
	s, session := inCall(t, append(users, "first")...)
	release := s.holdAppends(t)
	beyond := time.Date(294277, 1, 5, 0, 0, 0, 0, time.UTC) // the last moment of a timestamptz is a few days before
	first, _ := startAppend(t, s, muteAt(s, session, "first", at(5)))
	var answers []<-chan error
	for i, user := range users {
		when := at(5)
		if i == 1 {
			when = beyond
		}
		answer, _ := enqueue(t, s, muteAt(s, session, user, when))
		answers = append(answers, answer)
	}
	release()
	if err := <-first; err != nil {
		t.Error(err)
	}
	for i, answer := range answers {
		err := <-answer
		expected := (*domain.Error)(nil)
		if i != 1 && err != nil {
			t.Errorf("%s: %v", users[i], err)
		}
		if i == 1 && (err == nil || errors.As(err, &expected) || errors.Is(err, eventstore.ErrUnavailable)) {
			t.Errorf("%s: got error %v, want the database's refusal", users[i], err)
		}
	}
	s.wantEvents(t, append(joins(append(users, "first")...),
		"go AudioMuted first", "go AudioMuted kim", "go AudioMuted park", "go AudioMuted choi")...)
	if _, err := s.mute(t, session, "lee", 6); err != nil {
		t.Errorf("a later command fails: %v", err)
	}
}

// The commands of a batch are decided in the order of their arrival, each on the state that the previous one leaves.
func TestABatchIsDecidedInOrder(t *testing.T) {
	t.Parallel()
	s, session := inCall(t, "kim")
	release := s.holdAppends(t)
	first, _ := startAppend(t, s, muteAt(s, session, "kim", at(2)))
	steps := []func(ctx context.Context) error{
		func(ctx context.Context) error {
			_, err := s.SetToggle(ctx, "go", domain.SetToggle{SessionID: session, UserID: "kim", Toggle: domain.Muted, At: at(3)})
			return err
		},
		func(ctx context.Context) error {
			position, err := s.LeaveSession(ctx, "go", domain.LeaveSession{
				SessionID: session, UserID: "kim", Reason: domain.Left, At: at(4),
			})
			return wantPosition(position, 6, err)
		},
		func(ctx context.Context) error {
			started, err := s.StartSession(ctx, commands.StartSession{StudyID: "go", UserID: "lee", At: at(5)})
			if !started.Created {
				return fmt.Errorf("got %+v, %w", started, err)
			}
			return wantPosition(started.Position, 7, err)
		},
		func(ctx context.Context) error { // no event of its own: the answer rests on the previous one
			started, err := s.StartSession(ctx, commands.StartSession{StudyID: "go", UserID: "park", At: at(6)})
			if started.Created {
				return fmt.Errorf("got %+v, %w", started, err)
			}
			return wantPosition(started.Position, 7, err)
		},
		func(ctx context.Context) error {
			_, err := s.JoinSession(ctx, commands.JoinSession{StudyID: "go", SessionID: session, UserID: "lee", At: at(6)})
			if !errors.Is(err, domain.ErrSessionEnded) {
				return fmt.Errorf("join the older session: got: %w", err)
			}
			return nil
		},
	}
	var answers []<-chan error
	for _, step := range steps {
		answer, _ := enqueue(t, s, step)
		answers = append(answers, answer)
	}
	release()
	if err := <-first; err != nil {
		t.Error(err)
	}
	for i, answer := range answers {
		if err := <-answer; err != nil {
			t.Errorf("step %d: %v", i, err)
		}
	}
	s.wantEvents(t, append(joins("kim"), "go AudioMuted kim", "go AudioUnmuted kim", "go ParticipantLeft kim",
		"go SessionEnded everyoneLeft", "go SessionStarted lee")...)
}

func wantPosition(got, want int64, err error) error {
	if err == nil && got != want {
		return errors.New("the answer rests on position " + strconv.FormatInt(got, 10) + ", want " + strconv.FormatInt(want, 10))
	}
	return err
}

// An event that a newer version wrote may matter to any decision: the study's commands fail until the type is known.
func TestAnUnknownEventFailsCommandsOfItsStudy(t *testing.T) {
	t.Parallel()
	cached, session := inCall(t, "kim")
	_, err := cached.pool.Exec(t.Context(), `select append_events(array['call-go'], array[2::bigint], array[1], array['s'],
		array['EveryoneExpelled'], array[1::smallint], array['{}'], array[now()])`)
	if err != nil {
		t.Fatal(err)
	}
	fresh := cached.with(t, commands.DefaultSettings(), counted("id"))
	for name, s := range map[string]server{"cached": cached, "fresh": fresh} {
		for range 2 {
			_, startErr := s.start(t, "go", "kim", 5)
			_, joinErr := s.join(t, "go", session, "lee", 5)
			_, leaveErr := s.leave(t, "go", session, "kim", 5)
			_, muteErr := s.mute(t, session, "kim", 5)
			for _, err := range []error{startErr, joinErr, leaveErr, muteErr} {
				if unknown := (*eventstore.UnknownEventError)(nil); !errors.As(err, &unknown) || unknown.Position != 3 {
					t.Errorf("%s: got error %v, want one that names event 3", name, err)
				}
			}
		}
		if n := len(cached.log(t)); n != 3 {
			t.Fatalf("%s: appended: %d events, want 3", name, n)
		}
	}
	cached.mustStart(t, "rust", "kim", 5) // other studies still work
}

// With more studies than the cache holds, an evicted call is loaded again.
func TestEvictedCallsAreLoadedAgain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s = s.with(t, commands.Settings{Capacity: 12, CachedCalls: 1}, counted("id-"))
	studies := []string{"go", "rust", "zig"}
	sessions := map[string]string{}
	for _, study := range studies {
		sessions[study] = s.mustStart(t, study, "kim", 0).SessionID
	}
	for _, user := range []string{"kim", "lee"} {
		for _, study := range studies {
			if !s.mustJoin(t, study, sessions[study], user, 1).First || s.mustJoin(t, study, sessions[study], user, 1).First {
				t.Errorf("%s of %s: first is wrong", user, study)
			}
		}
	}
	if n := len(s.log(t)); n != 9 {
		t.Errorf("%d events, want 9", n)
	}
	if _, err := commands.New(s.store, access(members), commands.Settings{Capacity: 12}, counted("id")); err == nil {
		t.Error("New accepts a cache of size 0")
	}
}
