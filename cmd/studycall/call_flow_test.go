package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/studycall/studycall/auth"
)

// transports returns options of socket.io-client, and the states of the transport that they lead to.
func transports() map[string]struct{ options, states []string } {
	return map[string]struct{ options, states []string }{
		"websocket":             {[]string{"websocket"}, []string{"websocket"}},
		"polling":               {[]string{"polling"}, []string{"polling"}},
		"polling, then upgrade": {[]string{"polling", "websocket"}, []string{"polling", "websocket"}},
	}
}

// Three clients go through a whole call with every message, in the order in which the web app sends them. The record has the
// call.
func TestACallByTheWebAppsClient(t *testing.T) {
	t.Parallel()
	skipInShort(t, "20 s")
	folder := webPackages(t)
	for name, transport := range transports() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := serveInProcess(t, t.Output(), nil, callArgs(callDatabase(t))...)
			m := &webCall{
				t: t, api: &callAPI{t: t, client: newClient(t), address: address},
				clients: startWebClients(t, folder), transports: transport.options,
			}
			m.enter()
			m.negotiate()
			m.toggle()
			for _, s := range []*webSocket{m.kim, m.lee, m.park} {
				if got := s.transportStates(); !slices.Equal(got, transport.states) {
					t.Errorf("the transport of %s was %v, want %v", s.who, got, transport.states)
				}
			}
			m.leave()
			m.mustBeOnRecord()
		})
	}
}

// webCall is a call of three clients, with the measured intervals.
type webCall struct {
	t          *testing.T
	api        *callAPI
	clients    *webClients
	transports []string

	sessionID              string
	kim, lee, park         *webSocket
	kimID, leeID, parkID   string      // socket ids
	stays                  [3]interval // kim's, lee's, park's
	muted, hidden, sharing interval
}

// join makes a user join like the web app: status, start if no session is open, join, then the room by socket.
func (m *webCall) join(user string, options map[string]any) (s *webSocket, id string, stay interval) {
	m.t.Helper()
	stay = beginInterval(func() {
		if session := m.api.ask(http.StatusOK, http.MethodGet, "status", user, "").Session; session != nil {
			m.sessionID = session.ID
		} else {
			m.sessionID = m.api.ask(http.StatusCreated, http.MethodPost, "start", user, "").Session.ID
		}
		m.api.ask(http.StatusCreated, http.MethodPost, "join", user, fmt.Sprintf(`{"sessionId": %q}`, m.sessionID))
	})
	options["transports"] = m.transports
	s = m.clients.connect(user, m.api.address, options)
	id = s.connected()
	s.must("video:join-room", map[string]string{"studyId": callStudy, "roomId": callRoom})
	return s, id, stay
}

// byToken and byCookie return the options for the two ways to sign in.
func byToken(t *testing.T, user string) map[string]any {
	t.Helper()
	return map[string]any{"auth": map[string]string{"userId": user, "token": sessionToken(t, user)}}
}

func byCookie(t *testing.T, user string) map[string]any {
	t.Helper()
	return map[string]any{
		"auth":         map[string]string{"userId": user},
		"extraHeaders": map[string]string{"Cookie": auth.DefaultCookie + "=" + sessionToken(t, user)},
	}
}

// inRoom returns the room state's entry for a participant who has just joined.
func inRoom(socketID, user, name string) string {
	return fmt.Sprintf(`{"socketId": %q, "userId": %q, "user": %s, "isMuted": false, "isVideoOff": false,
		"isSharingScreen": false, "joinedAt": %q}`, socketID, user, person(user, name), aTime)
}

func (m *webCall) enter() {
	m.kim, m.kimID, m.stays[0] = m.join(kim, byCookie(m.t, kim))
	m.kim.receives("video:room-state", `{"participants": []}`)

	m.lee, m.leeID, m.stays[1] = m.join(lee, byToken(m.t, lee))
	m.lee.receives("video:room-state", fmt.Sprintf(`{"participants": [%s]}`, inRoom(m.kimID, kim, kimsName)))
	m.kim.receives("video:user-joined", fmt.Sprintf(`{"socketId": %q, "userId": %q, "user": %s}`, m.leeID, lee, person(lee, leesName)))

	m.park, m.parkID, m.stays[2] = m.join(park, byToken(m.t, park))
	m.park.receives("video:room-state", fmt.Sprintf(`{"participants": [%s, %s]}`,
		inRoom(m.kimID, kim, kimsName), inRoom(m.leeID, lee, leesName)))
	for _, s := range []*webSocket{m.kim, m.lee} {
		s.receives("video:user-joined", fmt.Sprintf(`{"socketId": %q, "userId": %q, "user": %s}`, m.parkID, park, person(park, "박민수")))
	}

	now := m.api.ask(http.StatusOK, http.MethodGet, "status", park, "").Session
	if now.OnlineCount != 3 || len(now.Participants) != 3 || now.RoomID != callRoom || now.StartedBy != kim {
		m.t.Errorf("with three participants the status is %+v", now)
	}
}

// negotiate relays messages between kim and lee. park receives none of them: its next event must be a toggle.
func (m *webCall) negotiate() {
	sdp := "v=0\r\ns=화상 통화 📞 <a> & \u2028\r\n" + strings.Repeat("a=candidate:1 1 udp 2122260223 192.0.2.1 54400 typ host\r\n", 400)
	if len(sdp) < 20<<10 {
		m.t.Fatalf("the SDP has only %d bytes", len(sdp))
	}
	relay := func(from, to *webSocket, fromID, toID, event, key string, value any) {
		m.t.Helper()
		text, err := json.Marshal(value)
		if err != nil {
			m.t.Fatal(err)
		}
		from.must(event, map[string]any{"to": toID, key: value})
		to.receives(event, fmt.Sprintf(`{"from": %q, %q: %s}`, fromID, key, text))
	}
	relay(m.lee, m.kim, m.leeID, m.kimID, "video:offer", "offer", map[string]string{"type": "offer", "sdp": sdp})
	relay(m.kim, m.lee, m.kimID, m.leeID, "video:answer", "answer", map[string]string{"type": "answer", "sdp": sdp})
	for i := range 20 {
		candidate := map[string]any{
			"candidate": fmt.Sprintf("candidate:%d 1 udp 2122260223 192.0.2.1 %d typ host", i, 50000+i), "sdpMid": "0",
			"sdpMLineIndex": 0, "usernameFragment": nil,
		}
		relay(m.kim, m.lee, m.kimID, m.leeID, "video:ice-candidate", "candidate", candidate)
		relay(m.lee, m.kim, m.leeID, m.kimID, "video:ice-candidate", "candidate", candidate)
	}
	relay(m.kim, m.lee, m.kimID, m.leeID, "video:ice-candidate", "candidate", nil)
}
