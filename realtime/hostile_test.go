package realtime_test

import (
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/realtime"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// A receiver that reads nothing is disconnected, and its leave is published. The sender's messages to other receivers all arrive.
func TestASlowReceiverIsDisconnected(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: sends up to 200 MB")
	}
	cluster := newCluster(t)
	server := cluster.server(func(c *realtime.Config, _ *presence.Settings, _ *commands.Settings) { c.Rates = realtime.Rates{} })
	kim, lee, slow := server.in("kim"), server.in("lee"), server.in("park")
	slow.Stall()
	sdp := strings.Repeat("x", 200_000)
	left := func() bool {
		return slices.ContainsFunc(lee.Received(), func(e realtimetest.Event) bool { return e.Name == "video:user-left" })
	}
	// When the kernel's buffer of the slow socket is full, the server's queue fills up.
	for sent := 0; !left(); sent++ {
		kim.Emit("video:offer", fmt.Sprintf(`{"to":%q,"offer":%q}`, slow.ID, sdp))
		kim.Emit("video:ice-candidate", fmt.Sprintf(`{"to":%q,"candidate":%d}`, lee.ID, sent))
		if got, want := string(lee.Expect("video:ice-candidate")), fmt.Sprintf(`{"from":%q,"candidate":%d}`, kim.ID, sent); got != want {
			t.Fatalf("lee got %s, want %s", got, want)
		}
		if sent > 1000 {
			t.Fatal("200 MB are sent, and the slow receiver is still connected")
		}
	}
}

// Attackers of every kind reconnect whenever they are closed. Two users in a call still reach each other as fast as two users on
// another server do, and memory does not grow.
func TestAttackersDoNotDelayOtherClients(t *testing.T) { //nolint:paralleltest // measures the memory of the process
	if testing.Short() {
		t.Skip("-short: uses all CPUs for 10 s")
	}
	cluster := newCluster(t)
	server, calm := cluster.server(), cluster.server()
	kim, lee := server.in("kim"), server.in("lee")
	over := make(chan struct{})
	var turns atomic.Int64 // of the attackers
	var attackers sync.WaitGroup
	stop := sync.OnceFunc(func() { close(over); attackers.Wait() })
	defer stop()
	// As many messages as a hundred users send at most. More of them would measure the attackers' own work in this process.
	attack := func(user string, batch int, do func(c *realtimetest.Client, i int)) {
		attackers.Go(func() {
			for i := 0; ; {
				c, err := realtimetest.Dial(t, server.url, realtimetest.Options{Auth: map[string]string{"userId": user}})
				for ; err == nil && !c.IsClosed(); i++ {
					select {
					case <-over:
						c.Drop()
						return
					default:
						do(c, i)
					}
					if i%batch == 0 {
						turns.Add(1)
						<-time.After(10 * time.Millisecond)
					}
				}
				select {
				case <-over:
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
		})
	}
	attack("u1", 20, func(c *realtimetest.Client, _ int) { c.Emit("video:join-room", inRoom) })
	attack("u2", 20, func(c *realtimetest.Client, i int) {
		c.Emit("video:join-room", fmt.Sprintf(`{"studyId":"s%d","roomId":"study-s%d-main"}`, i, i))
	})
	attack("u3", 20, func(c *realtimetest.Client, _ int) { c.Emit("video:offer", fmt.Sprintf(`{"to":%q,"offer":1}`, kim.ID)) })
	attack("u4", 1, func(c *realtimetest.Client, _ int) {
		c.Emit("chat:video-message", `{"roomId":"`+strings.Repeat("x", 900_000)+`"}`)
	})
	attack("u5", 20, func(c *realtimetest.Client, i int) {
		_ = c.Write([]string{"42[", "4", "43[]", "2", "\x00", "451-[{}]", "42[\"connect\"]", "41", "40{}"}[i%9])
	})
	attack("u6", 20, func(c *realtimetest.Client, i int) {
		c.Emit("video:toggle-audio", fmt.Sprintf(`{"roomId":%q,"isMuted":%t}`, room, i%2 == 0))
	})
	attackers.Go(func() { // half-open sockets
		var all []net.Conn
		defer func() {
			for _, c := range all {
				_ = c.Close()
			}
		}()
		for range 200 {
			c, err := net.Dial("tcp", strings.TrimPrefix(server.url, "http://"))
			if err != nil {
				return
			}
			all = append(all, c)
			_, _ = fmt.Fprintf(c, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
		}
		<-over
	})

	late := delays(t, pair{kim, lee}, pair{calm.in("park"), calm.in("choi")}, 100, func() {
		next := turns.Load() + 2
		check.Eventually(t, "the attack goes on", func() bool { return turns.Load() >= next })
	})
	var memory runtime.MemStats // during the attack
	runtime.GC()
	runtime.ReadMemStats(&memory)
	stop()
	if late[90] > time.Second {
		t.Errorf("one candidate in ten is late by more than %v", late[90])
	}
	t.Logf("%d MB are in use under attack, the attackers' own included", memory.HeapAlloc>>20)
	if memory.HeapAlloc > 128<<20 {
		t.Errorf("%d MB are in use", memory.HeapAlloc>>20)
	}
	check.Eventually(t, "the leases of the attackers are lost", func() bool {
		return cluster.count(`select count(*) from connections where user_id like 'u%' and lapses_at is null`) == 0
	})
}

// pair is two users in a call.
type pair struct{ from, to *realtimetest.Client }

// takes measures how long a candidate takes from one to the other.
func (p pair) takes(t *testing.T, candidate int) time.Duration {
	t.Helper()
	sent := time.Now()
	p.from.Emit("video:ice-candidate", fmt.Sprintf(`{"to":%q,"candidate":%d}`, p.to.ID, candidate))
	if got, want := string(p.to.Expect("video:ice-candidate")), fmt.Sprintf(`{"from":%q,"candidate":%d}`, p.from.ID, candidate); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	return time.Since(sent)
}

// delays measures by how much the candidates of a pair on an attacked server take longer than ten times the candidates of a calm pair at
// the same moment, in ascending order. The calm pair is on another server in the same process, so a slow machine slows both. A lock, a
// queue or a timeout shared with the attackers would cost seconds.
func delays(t *testing.T, attacked, calm pair, n int, after func()) []time.Duration {
	t.Helper()
	late, slowest := make([]time.Duration, n), time.Duration(0)
	for i := range late {
		control := make(chan time.Duration, 1)
		go func() { control <- calm.takes(t, i) }()
		took := attacked.takes(t, i)
		late[i] = took - 10*<-control
		if slowest = max(slowest, took); t.Failed() {
			t.FailNow()
		}
		after()
	}
	slices.Sort(late)
	t.Logf("the slowest took %v, and the latest was late by %v", slowest, late[n-1])
	return late
}
