package main

import (
	"encoding/json"
	"sync"
	"testing"
	"time"
)

// callPage is the page of one user.
type callPage struct {
	t       *testing.T
	user    string
	cookie  bool // whether the user signed in by cookie, or has a token
	orders  chan pageOrder
	numbers int

	mu   sync.Mutex
	seen []observation
	more chan struct{} // closed when there is more to see
}

type pageOrder struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
	Value  any    `json:"value"`
}

// sight is what a page saw: an event of the service's, how an order went, or what somebody's video looks like.
type observation struct {
	what string
	data json.RawMessage
}

// now is the mark after what the page has seen so far.
func (p *callPage) now() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.seen)
}

// sees waits until the page sees something that is right, after a mark. It asks of each once, in order.
func (p *callPage) waitFor(after int, what string, right func(data json.RawMessage) bool) {
	p.t.Helper()
	last := map[string]string{} // of each kind, for whoever must find out why not
	for timeout := time.After(callPatience); ; {
		p.mu.Lock()
		seen, more := p.seen[after:], p.more
		p.mu.Unlock()
		for _, s := range seen {
			if s.what == what && right(s.data) {
				return
			}
			last[s.what] = string(s.data)
		}
		after += len(seen)
		select {
		case <-more:
		case <-timeout:
			p.t.Fatalf("the page of %s does not see %s that is right; last it saw %v", p.user, what, last)
		}
	}
}

// hears waits until the page is told an event, after a mark, with just this data besides the socket's id.
func (p *callPage) receives(mark int, event, want string) {
	p.t.Helper()
	p.waitFor(mark, event, func(data json.RawMessage) bool {
		var told map[string]any
		if json.Unmarshal(data, &told) != nil || told["socketId"] == nil {
			return false
		}
		delete(told, "socketId")
		text, err := json.Marshal(told)
		return err == nil && same(p.t, text, want)
	})
}

// does has the page carry out an order, and gives what came of it.
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
