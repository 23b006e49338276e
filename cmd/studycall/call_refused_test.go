package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
)

// TestTheWebAppsClientIsRefused: it is told why in the words that the web app looks for, and does not try again.
func TestTheWebAppsClientIsRefused(t *testing.T) {
	t.Parallel()
	skipInShort(t, "5 s")
	folder := webPackages(t)
	address := serveInProcess(t, t.Output(), nil, callArgs(callDatabase(t))...)
	clients := startWebClients(t, folder)
	soon := map[string]any{"reconnectionDelay": 20, "reconnectionAttempts": 5}
	connect := func(who, url, transport string, options map[string]any) *webSocket {
		options["transports"] = []string{transport}
		for key, value := range soon {
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
		"nobody":          {map[string]any{}, "Authentication required"},
		"a name alone":    {map[string]any{"auth": map[string]string{"userId": kim}}, "Authentication required"},
		"a bad token":     {map[string]any{"auth": map[string]string{"token": sessionToken(t, kim) + "x"}}, "Authentication required"},
		"another's token": {asLee, "Authentication failed: userId is not the signed-in user's"},
		"no account":      {byCookie(t, "user-0"), "User not found"},
		"a frozen one":    {byCookie(t, frozen), "User status is SUSPENDED"},
	} {
		for _, transport := range []string{"websocket", "polling"} {
			s := connect(name+" by "+transport, address, transport, c.options)
			refused = append(refused, s)
			var got struct {
				Message string
				Active  bool // whether the client means to try again
			}
			if err := json.Unmarshal(s.next("connect_error"), &got); err != nil || got.Message != c.message || got.Active {
				t.Errorf("%s is refused with %+v (%v), not %q", s.who, got, err, c.message)
			}
		}
	}

	// Whether the others would try again shows while one tries in vain, who begins last.
	vain := connect("somebody in vain", "http://"+quietPort(t), "websocket", map[string]any{})
	check.Eventually(t, "a client gives up on a server that is not there", func() bool {
		return slices.Contains(vain.transportStates(), "given up")
	})
	if tries := strings.Count(strings.Join(vain.transportStates(), ","), "retrying"); tries != 5 {
		t.Errorf("who tries in vain went by %v", vain.transportStates())
	}
	for _, s := range refused {
		if got := s.transportStates(); !slices.Equal(got[1:], []string{"closed"}) {
			t.Errorf("%s went by %v", s.who, got)
		}
	}
}
