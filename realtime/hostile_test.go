package realtime_test

import (
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/realtime"
	"github.com/studycall/studycall/realtime/presence"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// A receiver that takes nothing is disconnected, and the room is told so. Nobody else notices, and the sender's messages
// to others all arrive.
func TestASlowReceiverIsDisconnected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server(func(c *realtime.Config, _ *presence.Settings, _ *commands.Settings) { c.Rates = realtime.Rates{} })
	kim, lee, slow := n.in("kim"), n.in("lee"), n.in("park")
	slow.Stall()
	sdp := strings.Repeat("x", 200_000)
	left := func() bool {
		return slices.ContainsFunc(lee.Told(), func(e realtimetest.Event) bool { return e.Name == "video:user-left" })
	}
	// What the kernel holds for the slow one, and then our queue, fills up.
	for sent := 0; !left(); sent++ {
		kim.Emit("video:offer", fmt.Sprintf(`{"to":%q,"offer":%q}`, slow.ID, sdp))
		kim.Emit("video:ice-candidate", fmt.Sprintf(`{"to":%q,"candidate":%d}`, lee.ID, sent))
		if got, want := string(lee.Expect("video:ice-candidate")), fmt.Sprintf(`{"from":%q,"candidate":%d}`, kim.ID, sent); got != want {
			t.Fatalf("lee got %s, want %s", got, want)
		}
		if sent > 1000 {
			t.Fatal("200 MB are sent, and the slow one is still there")
		}
	}
}

// Attackers of every kind at once, who come back whenever they are thrown out: two people in a call still reach each other
// in no time, and memory does not grow.
func TestAttackersDisturbNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server()
	kim, lee := n.in("kim"), n.in("lee")
	over := make(chan struct{})
	var attackers sync.WaitGroup
	attack := func(user string, do func(c *realtimetest.Client, i int)) {
		attackers.Go(func() {
			for i := 0; ; {
				c, err := realtimetest.Dial(t, n.url, realtimetest.Options{Auth: map[string]string{"userId": user}})
				for ; err == nil && !c.IsClosed(); i++ {
					select {
					case <-over:
						c.Drop()
						return
					default:
						do(c, i)
					}
				}
				select {
				case <-over:
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
	}
	attack("u1", func(c *realtimetest.Client, _ int) { c.Emit("video:join-room", inRoom) })
	attack("u2", func(c *realtimetest.Client, i int) {
		c.Emit("video:join-room", fmt.Sprintf(`{"studyId":"s%d","roomId":"study-s%d-main"}`, i, i))
	})
	attack("u3", func(c *realtimetest.Client, _ int) { c.Emit("video:offer", fmt.Sprintf(`{"to":%q,"offer":1}`, kim.ID)) })
	attack("u4", func(c *realtimetest.Client, _ int) {
		c.Emit("chat:video-message", `{"roomId":"`+strings.Repeat("x", 900_000)+`"}`)
	})
	attack("u5", func(c *realtimetest.Client, i int) {
		_ = c.Write([]string{"42[", "4", "43[]", "2", "\x00", "451-[{}]", "42[\"connect\"]", "41", "40{}"}[i%9])
	})
	attack("u6", func(c *realtimetest.Client, i int) {
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
			c, err := net.Dial("tcp", strings.TrimPrefix(n.url, "http://"))
			if err != nil {
				return
			}
			all = append(all, c)
			_, _ = fmt.Fprintf(c, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
		}
		<-over
	})

	var took []time.Duration
	for i := range 150 {
		sent := time.Now()
		kim.Emit("video:ice-candidate", fmt.Sprintf(`{"to":%q,"candidate":%d}`, lee.ID, i))
		if got, want := string(lee.Expect("video:ice-candidate")), fmt.Sprintf(`{"from":%q,"candidate":%d}`, kim.ID, i); got != want {
			t.Errorf("lee got %s, want %s", got, want)
		}
		took = append(took, time.Since(sent))
		<-time.After(20 * time.Millisecond)
	}
	close(over)
	attackers.Wait()
	slices.Sort(took)
	t.Logf("half of the messages took %v, 95%% of them %v, the slowest %v", took[75], took[142], took[149])
	if took[142] > 500*time.Millisecond {
		t.Errorf("one in twenty took more than %v", took[142])
	}
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	if memory.HeapAlloc > 200<<20 {
		t.Errorf("%d MB are in use", memory.HeapAlloc>>20)
	}
	w.eventually("the attackers are out", func() bool { return w.count(`select count(*) from connections where user_id like 'u%'`) == 0 })
}
