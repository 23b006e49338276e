package realtime_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/pacing"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/realtime"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// The start of a call sends hundreds of candidates at once.
func TestABurstOfCandidatesIsWithinTheLimits(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server()
	kim, lee := server.in("kim"), server.in("lee")
	for i := range 500 {
		kim.Emit("video:ice-candidate", fmt.Sprintf(`{"to":%q,"candidate":%d}`, lee.ID, i))
	}
	for i := range 500 {
		if got, want := string(lee.Expect("video:ice-candidate")), fmt.Sprintf(`{"from":%q,"candidate":%d}`, kim.ID, i); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

// A socket that sends too much gets one error event, and is closed when it goes on. Other sockets are not delayed.
func TestASocketThatSendsTooMuchIsClosed(t *testing.T) {
	t.Parallel()
	for name, flood := range map[string]struct{ event, data string }{
		"messages":       {"video:speaking", `{"roomId":"study-go-main","speaking":true}`},
		"joins":          {"video:join-room", inRoom},
		"unknown events": {"x", `{}`},
		"bytes":          {"video:offer", `{"to":"x","offer":"` + strings.Repeat("x", 500_000) + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t)
			server := cluster.server(func(c *realtime.Config, _ *presence.Settings, _ *commands.Settings) {
				c.Rates = realtime.Rates{
					Messages: pacing.Rate{PerSecond: 10, Burst: 50}, Bytes: pacing.Rate{PerSecond: 1000, Burst: 2_000_000},
					Joins: pacing.Rate{PerSecond: 1, Burst: 5}, MaxExcess: 20,
				}
			})
			calm := cluster.server()
			kim, others, calmPair := server.in("kim"), pair{server.in("lee"), server.in("park")}, pair{calm.in("choi"), calm.in("u0")}
			over := make(chan struct{})
			go func() {
				defer close(over)
				for range 5000 {
					if kim.IsClosed() {
						return
					}
					kim.Emit(flood.event, flood.data)
				}
			}()
			if late := delays(t, others, calmPair, 20, func() {}); late[19] > 2*time.Second {
				t.Errorf("a candidate of others is late by %v", late[19])
			}
			if code := kim.Closed(); code != 4002 {
				t.Errorf("closed with %d", code)
			}
			realtimetest.Receive(t, over)
			errorEvents := 0
			for _, e := range kim.Received() {
				if e.Name == "error" && strings.Contains(string(e.Data), "RATE_LIMITED") {
					errorEvents++
				}
			}
			if errorEvents != 1 {
				t.Errorf("received %d error events", errorEvents)
			}
			others.from.Expect("video:user-left")
		})
	}
}

func TestTheRoomsOfASocketAreLimited(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	cluster.exec(`insert into studies (id, name) select 's' || n, 'S' from generate_series(1, 20) n`)
	cluster.exec(`insert into study_members (study_id, user_id) select 's' || n, 'kim' from generate_series(1, 20) n`)
	server := cluster.server(graceOf(brief))
	kim := server.as("kim")
	for i := 1; i <= 8; i++ {
		kim.Must("video:join-room", fmt.Sprintf(`{"studyId":"s%d","roomId":"study-s%d-main"}`, i, i))
	}
	if code := kim.Refused("video:join-room", `{"studyId":"s9","roomId":"study-s9-main"}`); code != "INVALID_REQUEST" {
		t.Errorf("the ninth room: %s", code)
	}
	kim.Drop()
	check.Eventually(t, "the last of the sessions is over", func() bool {
		return cluster.count(`select count(*) from events where type = 'SessionEnded'`) == 8
	})
}

// Leaving and rejoining the namespace over the same connection resets no limit, and is limited itself.
func TestLimitsOutliveTheSocket(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server(func(c *realtime.Config, _ *presence.Settings, _ *commands.Settings) {
		c.Rates = realtime.Rates{
			Messages: pacing.Rate{PerSecond: 0.001, Burst: 30}, Joins: pacing.Rate{PerSecond: 0.001, Burst: 5}, MaxExcess: 1000,
		}
	})
	again := []string{"41", `40{"userId":"kim"}`}
	kim, lee := server.as("kim"), server.as("kim")
	for i := range 40 {
		kim.Emit("x", "{}")
		if i == 20 {
			for _, text := range again {
				check.NoError(t, kim.Write(text))
			}
		}
	}
	if payload := string(kim.Expect("error")); !strings.Contains(payload, "RATE_LIMITED") {
		t.Errorf("received %s", payload)
	}
	for i := range 40 {
		text := again[1]
		if i < 10 { // the first CONNECT and four more are admitted
			text = again[i%2]
		}
		if lee.Write(text) != nil {
			break
		}
	}
	if code := lee.Closed(); code != 4002 {
		t.Errorf("closed with %d", code)
	}
}
