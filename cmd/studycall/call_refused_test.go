package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
)

// A refused client gets the message that the web app expects, and does not retry.
func TestTheWebAppsClientIsRefused(t *testing.T) {
	t.Parallel()
	skipInShort(t, "5 s")
	folder := webPackages(t)
	address := serveInProcess(t, t.Output(), nil, callArgs(callDatabase(t))...)
	clients := startWebClients(t, folder)
	retries := map[string]any{"reconnectionDelay": 20, "reconnectionAttempts": 5}
	connect := func(who, url, transport string, options map[string]any) *webSocket {
		options["transports"] = []string{transport}
		for key, value := range retries {
			options[key] = value
		}
		return clients.connect(who, url, options)
	}
	asLee := byToken(t, lee)
	asLee["auth"].(map[string]string)["userId"] = kim
	var refused []*webSocket
	for name, c := range map[string]struct {
		options map[string]any
		message string
	}{
		"no sign-in":       {map[string]any{}, "Authentication required"},
		"a user id alone":  {map[string]any{"auth": map[string]string{"userId": kim}}, "Authentication required"},
		"a bad token":      {map[string]any{"auth": map[string]string{"token": sessionToken(t, kim) + "x"}}, "Authentication required"},
		"another's token":  {asLee, "Authentication failed: userId is not the signed-in user's"},
		"no account":       {byCookie(t, "user-0"), "User not found"},
		"a suspended user": {byCookie(t, suspended), "User status is SUSPENDED"},
	} {
		for _, transport := range []string{"websocket", "polling"} {
			s := connect(name+" by "+transport, address, transport, c.options)
			refused = append(refused, s)
			var got struct {
				Message string
				Active  bool // whether the client will retry
			}
			if err := json.Unmarshal(s.next("connect_error"), &got); err != nil || got.Message != c.message || got.Active {
				t.Errorf("%s is refused with %+v (%v), not %q", s.who, got, err, c.message)
			}
		}
	}

	// A client of an unreachable server starts last and makes all its retries. In that time the others must make none.
	unreachable := connect("unreachable server", "http://"+quietPort(t), "websocket", map[string]any{})
	check.Eventually(t, "a client gives up on an unreachable server", func() bool {
		return slices.Contains(unreachable.transportStates(), "given up")
	})
	if tries := strings.Count(strings.Join(unreachable.transportStates(), ","), "retrying"); tries != 5 {
		t.Errorf("the transport of the unreachable server's client was %v", unreachable.transportStates())
	}
	for _, s := range refused {
		if got := s.transportStates(); !slices.Equal(got[1:], []string{"closed"}) {
			t.Errorf("the transport of %s was %v", s.who, got)
		}
	}
}
