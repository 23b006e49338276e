package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// On SIGTERM the sockets are closed with "restart", a held poll is answered, and the program ends soon. A participant who
// reconnects to another server stays in the call.
func TestSIGTERMClosesSocketsForAReconnect(t *testing.T) {
	t.Parallel()
	url := postgrestest.NewURL(t)
	pool := openPool(t, url)
	newMembers(t, pool, []string{truthStudy}, []string{"kim", "lee"})
	server := startProcess(t, "--database-url", url, "--listen=127.0.0.1:0")
	kim := &actor{t: t, user: "kim", server: server.address}
	kim.join()
	kim.client.Must("video:toggle-audio", `{"roomId":"study-truth-main","isMuted":true}`)
	lee := realtimetest.Connect(t, server.address, realtimetest.Options{Auth: map[string]string{"userId": "lee"}, Plain: true})

	polled := heldPoll(t, server.address)
	began := time.Now()
	if code := server.terminate(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(began); took >= drainTimeout { // as with an unanswered poll
		t.Errorf("the drain took %v, its timeout", took)
	}
	for _, c := range []*realtimetest.Client{kim.client, lee} {
		if code := c.Closed(); code != 1012 {
			t.Errorf("closed with %d", code)
		}
	}
	<-polled

	kim.server = startProcess(t, "--database-url", url, "--listen=127.0.0.1:0").address
	kim.connect()
	kim.client.Must("video:toggle-audio", `{"roomId":"study-truth-main","isMuted":false}`)
	stints := map[string][]timeRange{}
	store, err := eventstore.Open(t.Context(), pool, slog.New(slog.DiscardHandler))
	check.NoError(t, err)
	defer store.Close()
	call := truthCall(t, store, stints)
	if p := call.Session.Participant("kim"); !p.InCall() || len(stints["kim"]) != 1 {
		t.Errorf("the stints are %v", stints)
	}
}

// heldPoll opens a session by polling, and polls again. The server holds the poll; ended is closed when it is answered.
func heldPoll(t *testing.T, address string) (ended chan struct{}) {
	t.Helper()
	sent := make(chan struct{}, 2)
	tracing := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { sent <- struct{}{} }})
	get := func(query string) (string, error) {
		request, err := http.NewRequestWithContext(tracing, http.MethodGet, address+"/socket.io/?EIO=4&transport=polling"+query, nil)
		if err != nil {
			return "", err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return "", err
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}
	opened, err := get("")
	if err != nil {
		t.Fatal(err)
	}
	var handshake struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(opened, "0")), &handshake); err != nil {
		t.Fatalf("%v: %s", err, opened)
	}
	<-sent
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = get("&sid=" + handshake.SID) // any answer
	}()
	<-sent
	return ended
}
