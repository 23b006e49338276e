package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
)

// After a browser crashes in a call, the other participant is notified at once. After the grace time the record says that the
// user left at the time of the crash.
func TestABrowserCrash(t *testing.T) {
	t.Parallel()
	skipInShort(t, "20 s")
	for name, crash := range map[string]func(*chromium){
		"the browser": (*chromium).kill,
		"the page":    (*chromium).killPage,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const grace = 10 * time.Second // longer than the notification takes on a slow machine
			c := newBrowserCall(t, "--disconnect-grace="+grace.String(), "--rate-limit=0")
			mark := c.kim.now()
			c.leeIn.end(func() {
				crash(c.lees)
				c.kim.receives(mark, "video:user-left", fmt.Sprintf(`{"userId": %q}`, lee))
			})
			crashed := c.leeIn.endAfter
			if delay := c.leeIn.endBefore.Sub(crashed); delay >= grace {
				t.Errorf("kim is notified %v after the crash", delay)
			}
			if l := c.api.session(c.sessionID).participant(t, lee); l.LeftAt != nil && time.Since(crashed) < grace {
				t.Errorf("lee has left within the grace time: %+v", l)
			}
			var lees participantRecord
			check.Eventually(t, "lee has left", func() bool {
				lees = c.api.session(c.sessionID).participant(t, lee)
				return lees.LeftAt != nil
			})
			if recorded := time.Since(crashed); recorded < grace {
				t.Errorf("the leave is recorded %v after the crash, before the end of the grace time", recorded)
			}
			if crash := (timeRange{crashed, c.leeIn.endBefore}); !crash.contains(*lees.LeftAt) {
				t.Errorf("the record says that lee left at %v; the crash was within %v", lees.LeftAt, crash)
			}
			c.leeIn.mustBe(t, "lee's stay", *lees.Duration)
			if now := c.api.ask(http.StatusOK, http.MethodGet, "status", kim, "").Session; now == nil || now.OnlineCount != 1 {
				t.Errorf("after the crash the status is %+v", now)
			}

			c.leave(c.kim, &c.kimIn)
			detail := c.api.session(c.sessionID)
			detail.mustHaveLasted(t, c.kimIn)
			c.kimIn.mustBe(t, "kim's stay", *detail.participant(t, kim).Duration)
			mustBeHistory(t, c.api, detail)
		})
	}
}
