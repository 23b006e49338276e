package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"
)

// callPatience is how long a client waits for an event.
const callPatience = time.Minute

// webClients are sockets of the web app's client library, in a node process.
type webClients struct {
	t  *testing.T
	in io.Writer

	mu      sync.Mutex
	sockets map[string]*webSocket
	acks    map[int]chan json.RawMessage
}

// webSocket is one of the sockets, with its received events in order.
type webSocket struct {
	all      *webClients
	who      string
	received chan webEvent

	mu     sync.Mutex
	states []string // of the transport: its name, "closed", "retrying", "given up"
}

type webEvent struct {
	name string
	data json.RawMessage
}

// startWebClients starts node, which ends with the test.
func startWebClients(t *testing.T, folder string) *webClients {
	t.Helper()
	c := &webClients{t: t, sockets: map[string]*webSocket{}, acks: map[int]chan json.RawMessage{}}
	node := exec.CommandContext(t.Context(), "node", "client.mjs")
	node.Dir = folder
	var stderr bytes.Buffer
	node.Stderr = &stderr
	in, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	c.in = in
	var reading sync.WaitGroup
	reading.Go(func() {
		for lines := bufio.NewReader(out); ; {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return
			}
			c.take(line)
		}
	})
	t.Cleanup(func() { // the test's context has ended node
		reading.Wait()
		_ = node.Wait()
		if stderr.Len() > 0 {
			t.Errorf("node prints to stderr: %s", stderr.String())
		}
	})
	return c
}

// take dispatches a line from node.
func (c *webClients) take(text []byte) {
	var line struct {
		Who, Event, Transport string
		Ack                   int
		Data                  json.RawMessage
	}
	if err := json.Unmarshal(text, &line); err != nil {
		c.t.Errorf("node wrote %q: %v", text, err)
		return
	}
	c.mu.Lock()
	socket, ack := c.sockets[line.Who], c.acks[line.Ack]
	c.mu.Unlock()
	switch {
	case line.Ack > 0:
		ack <- line.Data
	case line.Transport != "":
		socket.mu.Lock()
		socket.states = append(socket.states, line.Transport)
		socket.mu.Unlock()
	default:
		socket.received <- webEvent{line.Event, line.Data}
	}
}

// order writes a line to node.
func (c *webClients) order(order map[string]any) {
	c.t.Helper()
	line, err := json.Marshal(order)
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		c.t.Fatalf("cannot write to node: %v", err)
	}
}

// connect opens a socket with options of socket.io-client. who names it in orders and failures.
func (c *webClients) connect(who, url string, options map[string]any) *webSocket {
	c.t.Helper()
	s := &webSocket{all: c, who: who, received: make(chan webEvent, 1000)}
	c.mu.Lock()
	c.sockets[who] = s
	c.mu.Unlock()
	c.order(map[string]any{"do": "connect", "who": who, "url": url, "options": options})
	return s
}

// next returns the data of the next event, which must have the name.
func (s *webSocket) next(event string) json.RawMessage {
	s.all.t.Helper()
	return s.after(event)
}

// after returns the data of the next event with the name. Only events of the other names may precede it.
func (s *webSocket) after(event string, others ...string) json.RawMessage {
	s.all.t.Helper()
	timeout := time.After(callPatience)
	for {
		select {
		case got := <-s.received:
			if got.name == event {
				return got.data
			}
			if !slices.Contains(others, got.name) {
				s.all.t.Fatalf("%s received %s %s, want %s", s.who, got.name, got.data, event)
			}
		case <-timeout:
			s.all.t.Fatalf("%s did not receive %s", s.who, event)
		}
	}
}

// receives fails the test unless the next event has the name and exactly this data. See same.
func (s *webSocket) receives(event, want string) {
	s.all.t.Helper()
	if got := s.next(event); !same(s.all.t, got, want) {
		s.all.t.Errorf("%s received %s %s, want %s", s.who, event, got, want)
	}
}

// connected waits for the connection, and returns the socket id.
func (s *webSocket) connected() (socketID string) {
	s.all.t.Helper()
	return s.idOf(s.next("connect"))
}

func (s *webSocket) idOf(connect json.RawMessage) string {
	s.all.t.Helper()
	var data struct{ SocketID string }
	if err := json.Unmarshal(connect, &data); err != nil || data.SocketID == "" {
		s.all.t.Fatalf("%s: connect event with %s: %v", s.who, connect, err)
	}
	return data.SocketID
}

// ask emits an event, waits for the ack and returns it.
func (s *webSocket) ask(event string, data any) json.RawMessage {
	s.all.t.Helper()
	c, answered := s.all, make(chan json.RawMessage, 1)
	c.mu.Lock()
	ack := len(c.acks) + 1
	c.acks[ack] = answered
	c.mu.Unlock()
	c.order(map[string]any{"do": "emit", "who": s.who, "ack": ack, "event": event, "data": data})
	select {
	case answer := <-answered:
		return answer
	case <-time.After(callPatience):
		c.t.Fatalf("%s: %s is not acknowledged", s.who, event)
		return nil
	}
}

// must emits an event, and fails the test unless the ack is ok.
func (s *webSocket) must(event string, data any) {
	s.all.t.Helper()
	if answer := s.ask(event, data); !same(s.all.t, answer, `{"ok": true}`) {
		s.all.t.Fatalf("%s: the ack of %s is %s", s.who, event, answer)
	}
}

// transportStates returns the past states of the transport.
func (s *webSocket) transportStates() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.states)
}
