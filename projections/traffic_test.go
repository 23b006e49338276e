package projections_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// traffic is writers who append sessions as fast as they can, each to a study of its own.
type traffic struct {
	t        *testing.T
	store    *eventstore.Store
	over     chan struct{}
	writing  sync.WaitGroup
	sessions atomic.Int64 // that ended
}

// traffic begins, and ends with the test, or with stop.
func (h *house) traffic(writers int) *traffic {
	w := &traffic{t: h.t, store: h.store, over: make(chan struct{})}
	for n := range writers {
		w.writing.Go(func() { w.write(fmt.Sprintf("busy-%d", n)) })
	}
	h.t.Cleanup(w.stop)
	return w
}

// some is how many sessions traffic has that matters.
const some = 20

// stop returns when nothing more is appended.
func (w *traffic) stop() {
	select {
	case <-w.over:
	default:
		close(w.over)
	}
	w.writing.Wait()
}

// passes waits until some more sessions have ended.
func (w *traffic) passes() {
	w.t.Helper()
	enough := w.sessions.Load() + some
	eventually(w.t, "the traffic flows", func() bool { return w.sessions.Load() >= enough })
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
			case <-w.over:
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
