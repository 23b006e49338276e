package commands_test

import (
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// BenchmarkCommand measures one command of one caller: time and allocations of this process, from the call of the handler
// to its return.
func BenchmarkCommand(b *testing.B) {
	store, _ := benchStore(b, durable)
	handlers, err := commands.New(store, everyone{}, commands.DefaultSettings(), rand.Text)
	if err != nil {
		b.Fatal(err)
	}
	toggle := togglesOf(b, handlers, 1)
	b.ReportAllocs()
	for b.Loop() {
		if err := toggle(0, 0); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkChapters compares a command on a study that has met 10,000 times with one on a study that has met once: warm,
// with the call in the cache, and cold, with the call loaded from the log first.
func BenchmarkChapters(b *testing.B) {
	store, _ := benchStore(b, durable)
	young, old := studyWith(b, store, 1), studyWith(b, store, 10_000)
	for _, warmth := range []string{"warm", "cold"} {
		b.Run(warmth, func(b *testing.B) {
			handlers, err := commands.New(store, everyone{}, commands.DefaultSettings(), rand.Text)
			if err != nil {
				b.Fatal(err)
			}
			took := func(study string) time.Duration {
				if warmth == "cold" {
					if handlers, err = commands.New(store, everyone{}, commands.DefaultSettings(), rand.Text); err != nil {
						b.Fatal(err)
					}
				}
				began := time.Now()
				if err := holdSession(b, handlers, study); err != nil {
					b.Fatal(err)
				}
				return time.Since(began)
			}
			var youngs, olds []time.Duration
			for b.Loop() {
				youngs, olds = append(youngs, took(young)), append(olds, took(old))
			}
			slices.Sort(youngs)
			slices.Sort(olds)
			y, o := youngs[len(youngs)/2], olds[len(olds)/2]
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(y.Microseconds()), "1-chapter-µs")
			b.ReportMetric(float64(o.Microseconds()), "10000-chapters-µs")
			b.ReportMetric(float64(o)/float64(y), "ratio")
		})
	}
}

// holdSession calls three commands: start, join, and the leave that ends the session.
func holdSession(b *testing.B, handlers *commands.Handlers, study string) error {
	b.Helper()
	started, err := handlers.StartSession(b.Context(), commands.StartSession{StudyID: study, UserID: "user-456", At: time.Now()})
	if err != nil {
		return err
	}
	if _, err := handlers.JoinSession(b.Context(), commands.JoinSession{
		StudyID: study, SessionID: started.SessionID, UserID: "user-456", At: time.Now(),
	}); err != nil {
		return err
	}
	_, err = handlers.LeaveSession(b.Context(), study, domain.LeaveSession{
		SessionID: started.SessionID, UserID: "user-456", Reason: domain.Left, At: time.Now(),
	})
	return err
}

// studyWith appends the past of a study with that many sessions.
func studyWith(b *testing.B, store *eventstore.Store, sessions int) string {
	b.Helper()
	study, version := rand.Text(), int64(0)
	begin := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	var events []domain.Event
	flush := func() {
		if _, err := store.Append(b.Context(), eventstore.Stream(study), version, events); err != nil {
			b.Fatal(err)
		}
		version += int64(len(events))
		events = nil
	}
	for i := range sessions {
		fact := domain.Fact{SessionID: fmt.Sprintf("%s-%d", study, i), At: begin.Add(time.Duration(i) * time.Hour)}
		events = append(events,
			domain.SessionStarted{Fact: fact, StartedBy: "user-456"},
			domain.ParticipantJoined{Fact: fact, ParticipantID: fact.SessionID, UserID: "user-456"},
			domain.ParticipantLeft{Fact: fact, UserID: "user-456", Reason: domain.Left},
			domain.SessionEnded{Fact: fact, Reason: domain.EveryoneLeft})
		if len(events) >= 2000 {
			flush()
		}
	}
	if len(events) > 0 {
		flush()
	}
	return study
}
