package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
)

// TestABrowserCrashes in a call: the other one is told at once, and after the grace it is on record that its user left when
// it crashed.
func TestABrowserCrashes(t *testing.T) {
	t.Parallel()
	skipInShort(t, "20 s")
	for name, crash := range map[string]func(*chromium){
		"the browser": (*chromium).kill,
		"the page":    (*chromium).killPage,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const grace = 10 * time.Second // longer than kim takes to be told, on a slow machine too
			c := newBrowserCall(t, "--disconnect-grace="+grace.String(), "--rate-limit=0")
			mark := c.kim.now()
			c.leeIn.end(func() {
				crash(c.lees)
				c.kim.receives(mark, "video:user-left", fmt.Sprintf(`{"userId": %q}`, lee))
			})
			crashed := c.leeIn.endAfter
			if told := c.leeIn.endBefore.Sub(crashed); told >= grace {
				t.Errorf("kim is told %v after the crash", told)
			}
			if l := c.api.session(c.sessionID).of(t, lee); l.LeftAt != nil && time.Since(crashed) < grace {
				t.Errorf("within the grace lee has left: %+v", l)
			}
			var lees participantRecord
			check.Eventually(t, "lee has left", func() bool {
				lees = c.api.session(c.sessionID).of(t, lee)
				return lees.LeftAt != nil
			})
			if recorded := time.Since(crashed); recorded < grace {
				t.Errorf("lee is on record as gone %v after the crash, before the grace ended", recorded)
			}
			if crash := (timeRange{crashed, c.leeIn.endBefore}); !crash.contains(*lees.LeftAt) {
				t.Errorf("on record, lee left at %v, and the crash was within %v", lees.LeftAt, crash)
			}
			c.leeIn.mustBe(t, "lee's stay", *lees.Duration)
			if now := c.api.ask(http.StatusOK, http.MethodGet, "status", kim, "").Session; now == nil || now.OnlineCount != 1 {
				t.Errorf("after the crash the status is %+v", now)
			}

			c.leaves(c.kim, &c.kimIn)
			detail := c.api.session(c.sessionID)
			detail.mustHaveLasted(t, c.kimIn)
			c.kimIn.mustBe(t, "kim's stay", *detail.of(t, kim).Duration)
			mustBeHistory(t, c.api, detail)
		})
	}
}
