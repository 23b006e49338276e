package main

import (
	"encoding/json"
	"image/color"
	"strings"
	"testing"
	"time"
)

// browserCall is a call of two pages. kim's is on the service's own site, signed in by cookie, with a red camera. lee's is on
// another site, signed in by token, with a blue camera.
type browserCall struct {
	t            *testing.T
	api          *callAPI
	sessionID    string
	kim, lee     *callPage
	lees         *chromium
	kimIn, leeIn interval // in the call
}

// newBrowserCall lets both pages join, and waits until each shows the other's video.
func newBrowserCall(t *testing.T, flags ...string) *browserCall {
	t.Helper()
	findChromium(t)
	pages := newPageServer(t, webPackages(t))
	otherSite := strings.Replace(pages.server.URL, "127.0.0.1", "localhost", 1)
	origins := "--allowed-origins=" + pages.server.URL + "," + otherSite
	pages.service = serveInProcess(t, t.Output(), nil, callArgs(callDatabase(t), append(flags, origins)...)...)
	c := &browserCall{t: t, api: &callAPI{t: t, client: newClient(t), address: pages.service}}
	c.kim, c.lee = pages.enter(kim, true), pages.enter(lee, false)
	openChromium(t, pages.server.URL+"/?who="+kim, color.RGBA{R: 220, G: 30, B: 30, A: 255})
	c.lees = openChromium(t, otherSite+"/?who="+lee, color.RGBA{R: 30, G: 30, B: 220, A: 255})

	var again string
	c.kimIn = c.join(c.kim, &c.sessionID)
	if c.leeIn = c.join(c.lee, &again); again != c.sessionID {
		t.Fatalf("kim is in session %q, lee in %q", c.sessionID, again)
	}
	c.kim.showsVideo(lee, leesName, "blue")
	c.lee.showsVideo(kim, kimsName, "red")
	return c
}

// join makes a page join, and sets its session. The time of the join comes from the record, because the browser first starts
// its camera.
func (c *browserCall) join(p *callPage, sessionID *string) interval {
	c.t.Helper()
	in := beginInterval(func() {
		if err := json.Unmarshal(p.run("join", nil), sessionID); err != nil || *sessionID == "" {
			c.t.Fatalf("%s joined session %q: %v", p.user, *sessionID, err)
		}
	})
	session := c.api.session(*sessionID)
	at := session.participant(c.t, p.user).JoinedAt
	if session.StartedAt.After(at) || at.Before(in.beginAfter.Add(-time.Millisecond)) || at.After(in.beginBefore) {
		c.t.Errorf("%s joined from %v to %v, but the record has %v", p.user, in.beginAfter, in.beginBefore, at)
	}
	return interval{beginAfter: at, beginBefore: at}
}

// leave makes a page leave, which ends the user's interval. Later queries wait for the leave.
func (c *browserCall) leave(p *callPage, stay *interval) {
	c.t.Helper()
	stay.end(func() {
		if err := json.Unmarshal(p.run("leave", nil), &c.api.latest); err != nil || c.api.latest == 0 {
			c.t.Fatalf("%s left at position %d: %v", p.user, c.api.latest, err)
		}
	})
}

// mustHaveLasted fails the test unless the session ended with the interval.
func (r *sessionRecord) mustHaveLasted(t *testing.T, last interval) {
	t.Helper()
	if r.EndedAt == nil || r.Duration == nil || r.StartedBy != kim || len(r.Participants) != 2 {
		t.Fatalf("the record of the session is %+v", r)
	}
	interval{beginAfter: r.StartedAt, beginBefore: r.StartedAt}.until(last).mustBe(t, "the session", *r.Duration)
}
