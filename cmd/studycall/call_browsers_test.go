package main

import (
	"encoding/json"
	"image/color"
	"strings"
	"testing"
	"time"
)

// pair is two pages in a call: kim's of the service's own site, signed in by cookie, with a red camera; lee's of another
// site, with a token and a blue one.
type browserCall struct {
	t            *testing.T
	api          *callAPI
	sessionID    string
	kim, lee     *callPage
	lees         *chromium
	kimIn, leeIn interval // from when they joined
}

// newBrowserCall has both join, and waits until each shows the other's video.
func newBrowserCall(t *testing.T, flags ...string) *browserCall {
	t.Helper()
	findChromium(t)
	pages := newPageServer(t, webPackages(t))
	elsewhere := strings.Replace(pages.server.URL, "127.0.0.1", "localhost", 1)
	origins := "--allowed-origins=" + pages.server.URL + "," + elsewhere
	pages.service = serveInProcess(t, t.Output(), nil, callArgs(callDatabase(t), append(flags, origins)...)...)
	c := &browserCall{t: t, api: &callAPI{t: t, client: newClient(t), address: pages.service}}
	c.kim, c.lee = pages.enter(kim, true), pages.enter(lee, false)
	openChromium(t, pages.server.URL+"/?who="+kim, color.RGBA{R: 220, G: 30, B: 30, A: 255})
	c.lees = openChromium(t, elsewhere+"/?who="+lee, color.RGBA{R: 30, G: 30, B: 220, A: 255})

	var again string
	c.kimIn = c.joins(c.kim, &c.sessionID)
	if c.leeIn = c.joins(c.lee, &again); again != c.sessionID {
		t.Fatalf("kim is in session %q, lee in %q", c.sessionID, again)
	}
	c.kim.watches(lee, leesName, "blue")
	c.lee.watches(kim, kimsName, "red")
	return c
}

// joins has a page join, and notes which session. When it did is known to the time on record only: a browser first starts,
// and turns its camera on.
func (c *browserCall) joins(p *callPage, sessionID *string) interval {
	c.t.Helper()
	in := beginInterval(func() {
		if err := json.Unmarshal(p.run("join", nil), sessionID); err != nil || *sessionID == "" {
			c.t.Fatalf("%s joined session %q: %v", p.user, *sessionID, err)
		}
	})
	session := c.api.session(*sessionID)
	at := session.of(c.t, p.user).JoinedAt
	if session.StartedAt.After(at) || at.Before(in.beginAfter.Add(-time.Millisecond)) || at.After(in.beginBefore) {
		c.t.Errorf("%s joined from %v to %v, and %v is on record", p.user, in.beginAfter, in.beginBefore, at)
	}
	return interval{beginAfter: at, beginBefore: at}
}

// leaves has a page leave, which ends its user's stay. What is read afterwards is what is on record then.
func (c *browserCall) leaves(p *callPage, stay *interval) {
	c.t.Helper()
	stay.end(func() {
		if err := json.Unmarshal(p.run("leave", nil), &c.api.latest); err != nil || c.api.latest == 0 {
			c.t.Fatalf("%s left at position %d: %v", p.user, c.api.latest, err)
		}
	})
}

// mustHaveLasted wants the session to be over since the end of a interval.
func (r *sessionRecord) mustHaveLasted(t *testing.T, last interval) {
	t.Helper()
	if r.EndedAt == nil || r.Duration == nil || r.StartedBy != kim || len(r.Participants) != 2 {
		t.Fatalf("the session is on record as %+v", r)
	}
	interval{beginAfter: r.StartedAt, beginBefore: r.StartedAt}.until(last).mustBe(t, "the session", *r.Duration)
}
