package main

import (
	"encoding/json"
	"sync"
	"testing"
	"time"
)

// callPage is one user's page.
type callPage struct {
	t       *testing.T
	user    string
	cookie  bool // whether the user signs in by cookie, not by token
	orders  chan pageOrder
	numbers int

	mu   sync.Mutex
	seen []observation
	more chan struct{} // closed by the next observation
}

type pageOrder struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
	Value  any    `json:"value"`
}

// observation is a report of a page: an event from the service, the result of an order, or the state of a peer's video.
type observation struct {
	kind string
	data json.RawMessage
}

// now returns the mark after the latest observation.
func (p *callPage) now() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.seen)
}

// waitFor waits until an observation of the kind after a mark matches. It calls matches once for each, in order.
func (p *callPage) waitFor(after int, kind string, matches func(data json.RawMessage) bool) {
	p.t.Helper()
	last := map[string]string{} // by kind, for the failure message
	for timeout := time.After(callPatience); ; {
		p.mu.Lock()
		seen, more := p.seen[after:], p.more
		p.mu.Unlock()
		for _, s := range seen {
			if s.kind == kind && matches(s.data) {
				return
			}
			last[s.kind] = string(s.data)
		}
		after += len(seen)
		select {
		case <-more:
		case <-timeout:
			p.t.Fatalf("the page of %s has no matching %s; the latest observations are %v", p.user, kind, last)
		}
	}
}

// receives waits until the page receives an event after a mark, with exactly this data besides the socket id.
func (p *callPage) receives(mark int, event, want string) {
	p.t.Helper()
	p.waitFor(mark, event, func(data json.RawMessage) bool {
		var event map[string]any
		if json.Unmarshal(data, &event) != nil || event["socketId"] == nil {
			return false
		}
		delete(event, "socketId")
		text, err := json.Marshal(event)
		return err == nil && same(p.t, text, want)
	})
}

// run makes the page carry out an order, and returns the result.
func (p *callPage) run(name string, value any) json.RawMessage {
	p.t.Helper()
	p.numbers++
	number := p.numbers
	mark := p.now()
	p.orders <- pageOrder{number, name, value}
	var done struct {
		Order  int
		Result json.RawMessage
	}
	p.waitFor(mark, "done", func(data json.RawMessage) bool {
		return json.Unmarshal(data, &done) == nil && done.Order == number
	})
	return done.Result
}
