package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// FuzzParsing: whatever comes, parsers give either what is well-formed or a refusal that a client may see, and no panic.
func FuzzParsing(f *testing.F) {
	for _, seed := range []string{
		`{"studyId":"go","roomId":"study-go-main"}`, `{"roomId":"r","isMuted":true}`, `{"to":"x","offer":{"sdp":"…"}}`,
		`{"to":"x","to":"y","offer":null}`, `{`, `[]`, `null`, ``, `{"roomId":"\ud800"}`, `{"userId":"kim","token":null}`, "{\"to\":\"\x00\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		refused := func(err error) bool {
			if known := (*domain.Error)(nil); err != nil && (!errors.As(err, &known) || known.Code != domain.InvalidRequest) {
				t.Errorf("the error is %v", err)
			}
			return err != nil
		}
		if study, room, err := parseJoin(data); !refused(err) && (!membership.PossibleID(study) || room != domain.RoomID(study)) {
			t.Errorf("joins %q of %q", room, study)
		}
		if room, _, err := parseToggle(data, "isMuted"); !refused(err) && (room == "" || len(room) > roomIDLimit) {
			t.Errorf("toggles in %q", room)
		}
		to, content, err := parseRelay(data, "offer")
		if !refused(err) {
			sent := relayedMessage("video:offer", "offer", "me", content).data()
			if !json.Valid(sent) || to == "" || len(to) > socketIDLimit || content != nil && !strings.Contains(string(sent), string(content)) {
				t.Errorf("sends %q to %q", sent, to)
			}
		}
		if _, err := auth.ParseClaims(data); err != nil && !errors.Is(err, auth.ErrBadPayload) {
			t.Errorf("the claims: %v", err)
		}
	})
}

// A bucket lets pass what a naive count of the same stream allows: at most burst at once, and rate after that.
func TestABucketIsATokenBucket(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := Rate{PerSecond: float64(rapid.IntRange(1, 100).Draw(t, "rate")), Burst: rapid.IntRange(1, 50).Draw(t, "burst")}
		b, now, tokens := newBucket(rate), time.Unix(1000, 0), float64(rate.Burst)
		for range rapid.IntRange(1, 100).Draw(t, "messages") {
			pause := time.Duration(rapid.IntRange(0, 300).Draw(t, "pause")) * time.Millisecond
			now = now.Add(pause)
			tokens = min(float64(rate.Burst), tokens+pause.Seconds()*rate.PerSecond)
			took := b.take(now, 1)
			// A token that comes in at this very moment may count or not.
			if took && tokens < 1-1e-6 || !took && tokens > 1+1e-6 {
				t.Fatalf("took %t with %v tokens", took, tokens)
			}
			if took {
				tokens--
			}
		}
	})
}

func TestLimitsTellOnceDropAndHangUp(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	l := newLimits(Rates{Messages: Rate{PerSecond: 1, Burst: 2}, Patience: 3})
	got := make([]verdict, 0, 8)
	for range 7 {
		got = append(got, l.take(now, 10, true))
	}
	if want := []verdict{pass, pass, tell, drop, drop, hangUp, hangUp}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	l = newLimits(Rates{Messages: Rate{PerSecond: 1, Burst: 2}, Patience: 3})
	for range 4 {
		l.take(now, 10, false)
	}
	now = now.Add(time.Minute) // good for long
	if got := []verdict{l.take(now, 10, false), l.take(now, 10, false), l.take(now, 10, false)}; fmt.Sprint(got) != fmt.Sprint([]verdict{pass, pass, tell}) {
		t.Errorf("after a minute: %v", got)
	}
}

// recordings notes in which order records were written.
type recordings struct {
	mu  sync.Mutex
	all []string
}

func (r *recordings) add(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, what)
}

func TestTheRecorderKeepsEachParticipantsOrderThroughFailures(t *testing.T) {
	t.Parallel()
	r := newRecorder(slog.New(slog.NewTextHandler(t.Output(), nil)))
	defer r.close()
	var written recordings
	failures := map[string]int{}
	for _, user := range []string{"kim", "lee"} {
		for i := range 20 {
			name := fmt.Sprintf("%s %d", user, i)
			failures[name] = i % 3 / 2 * 2 // every third one fails twice
			left := failures[name]
			must(t, r.add(participant{"go", user}, record{
				do: func(context.Context) error {
					if left--; left >= 0 {
						return eventstore.ErrUnavailable
					}
					written.add(name)
					return nil
				},
				done: func(err error) {
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
				},
			}))
		}
	}
	must(t, r.flush(t.Context()))
	next := map[string]int{}
	for _, name := range written.all {
		user, _, _ := strings.Cut(name, " ")
		if want := fmt.Sprintf("%s %d", user, next[user]); name != want {
			t.Fatalf("%s came when it was %s's turn: %v", name, want, written.all)
		}
		next[user]++
	}
	if next["kim"] != 20 || next["lee"] != 20 {
		t.Errorf("written: %v", next)
	}
}

func TestTheRecorderIsBounded(t *testing.T) {
	t.Parallel()
	r := newRecorder(slog.New(slog.NewTextHandler(t.Output(), nil)))
	stuck := record{do: func(context.Context) error { return eventstore.ErrUnavailable }, done: func(error) {}}
	kim := participant{"go", "kim"}
	for range participantRecords {
		must(t, r.add(kim, stuck))
	}
	if err := r.add(kim, stuck); !errors.Is(err, errRecorderFull) {
		t.Errorf("one more: %v", err)
	}
	must(t, r.add(participant{"go", "lee"}, stuck))
	// Who waits for a turn gives up in time.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := r.try(ctx, participant{"go", "lee"}, func(context.Context) error { t.Error("it is done after all"); return nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting: %v", err)
	}
	if err := r.flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flush: %v", err)
	}
	r.close()
	told := make(chan error, 1)
	r.mustAdd(kim, record{do: stuck.do, done: func(err error) { told <- err }})
	if err := realtimetest.Receive(t, told); !errors.Is(err, errRecorderStopped) {
		t.Errorf("after close: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
