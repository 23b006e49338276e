package projections_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// traffic is writers that append sessions as fast as possible, each to its own study.
type traffic struct {
	t        *testing.T
	store    *eventstore.Store
	stopped  chan struct{}
	writing  sync.WaitGroup
	sessions atomic.Int64 // that ended
}

// traffic starts writers, which end with the test or with stop.
func (srv *server) traffic(writers int) *traffic {
	w := &traffic{t: srv.t, store: srv.store, stopped: make(chan struct{})}
	for n := range writers {
		w.writing.Go(func() { w.write(fmt.Sprintf("busy-%d", n)) })
	}
	srv.t.Cleanup(w.stop)
	return w
}

// enoughSessions is the number of ended sessions after which the traffic has had an effect.
const enoughSessions = 20

// stop stops the writers and waits for them.
func (w *traffic) stop() {
	select {
	case <-w.stopped:
	default:
		close(w.stopped)
	}
	w.writing.Wait()
}

// waitForMore waits until enoughSessions more have ended.
func (w *traffic) waitForMore() {
	w.t.Helper()
	enough := w.sessions.Load() + enoughSessions
	check.Eventually(w.t, "more sessions end", func() bool { return w.sessions.Load() >= enough })
}

func (w *traffic) write(study string) {
	ctx := context.WithoutCancel(w.t.Context())
	for n, version := 0, int64(0); ; n++ {
		session, second := fmt.Sprintf("%s-%d", study, n), n*600
		fact := func(after int) domain.Fact { return at(session, second+after) }
		for _, events := range [][]domain.Event{
			{domain.SessionStarted{Fact: fact(0), StartedBy: "kim"},
				domain.ParticipantJoined{Fact: fact(1), ParticipantID: session + "-kim", UserID: "kim"}},
			{domain.ParticipantJoined{Fact: fact(2), ParticipantID: session + "-lee", UserID: "lee"}},
			{domain.AudioMuted{Fact: fact(3), UserID: "lee"}, domain.VideoTurnedOff{Fact: fact(4), UserID: "kim"}},
			{domain.ParticipantLeft{Fact: fact(100), UserID: "kim", Reason: domain.Left}},
			{domain.ParticipantLeft{Fact: fact(500), UserID: "lee", Reason: domain.Left},
				domain.SessionEnded{Fact: fact(500), Reason: domain.EveryoneLeft}},
		} {
			select {
			case <-w.stopped:
				return // in the middle of a session
			default:
			}
			if _, err := w.store.Append(ctx, eventstore.Stream(study), version, events); err != nil {
				w.t.Errorf("append to %s: %v", study, err)
				return
			}
			version += int64(len(events))
		}
		w.sessions.Add(1)
	}
}
