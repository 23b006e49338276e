package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/postgres"
)

// TestTheWebAppsClientOutlivesARestart: the service is told to stop, and starts anew at the same port and with the same
// database. The clients connect again by themselves, and nobody is on record as having left in between.
func TestTheWebAppsClientOutlivesARestart(t *testing.T) {
	t.Parallel()
	skipInShort(t, "20 s")
	folder := webPackages(t)
	for name, transport := range transports() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := callDatabase(t)
			args := callArgs(database, "--listen", quietPort(t))
			first := startProcess(t, args...)
			m := &webCall{
				t: t, api: &callAPI{t: t, client: newClient(t), address: first.address},
				clients: startWebClients(t, folder), transports: transport.options,
			}
			m.kim, m.kimID, m.stays[0] = m.join(kim, byCookie(t, kim))
			m.lee, m.leeID, m.stays[1] = m.join(lee, byToken(t, lee))
			m.muted = beginInterval(func() {
				m.kim.must("video:toggle-audio", map[string]any{"roomId": callRoom, "isMuted": true})
			})
			m.lee.after("video:peer-audio-changed", "video:room-state")

			if code := first.terminate(t); code != 0 {
				t.Errorf("the first server ended with %d", code)
			}
			startProcess(t, args...)
			again := m.comeBack(m.kim, m.lee)
			if slices.Contains(again, m.kimID) || slices.Contains(again, m.leeID) {
				t.Errorf("the sockets are %v, as before", again)
			}

			leave := map[string]string{"roomId": callRoom}
			m.stays[1].end(func() { m.lee.must("video:leave-room", leave) })
			m.stays[0].end(func() { m.kim.must("video:leave-room", leave) })
			m.mustHaveStayed(database)
		})
	}
}

// quietPort is an address whose port no connection is given by chance while nobody listens there.
func quietPort(t *testing.T) (address string) {
	t.Helper()
	for range 100 {
		address = net.JoinHostPort("127.0.0.1", strconv.Itoa(20000+rand.IntN(10000))) // Linux gives those from 32768 on
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
		if err == nil {
			if err := listener.Close(); err != nil {
				t.Fatal(err)
			}
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// comeBack waits until the clients have connected again, and joins the room as the web app does then. The second finds
// the first there, still muted.
func (m *webCall) comeBack(first, second *webSocket) (ids []string) {
	m.t.Helper()
	for _, s := range []*webSocket{first, second} {
		lost := s.after("disconnect", "video:room-state", "video:user-joined", "video:user-left")
		// A client that polls may ask a session that has just ended, which to it is an error; it tries again all the same.
		polls := slices.Equal(m.transports, []string{"polling"})
		closed := same(m.t, lost, `{"reason": "transport close", "active": true}`)
		failed := same(m.t, lost, `{"reason": "transport error", "active": true}`)
		if !closed && (!polls || !failed) {
			m.t.Errorf("%s is disconnected with %s", s.who, lost)
		}
		ids = append(ids, s.idOf(s.after("connect", "connect_error")))
		s.must("video:join-room", map[string]string{"studyId": callStudy, "roomId": callRoom})
	}
	first.receives("video:room-state", `{"participants": []}`)
	first.receives("video:peer-audio-changed", fmt.Sprintf(`{"socketId": %q, "userId": %q, "isMuted": true}`, ids[0], kim)) // its own
	there := strings.Replace(inRoom(ids[0], kim, kimsName), `"isMuted": false`, `"isMuted": true`, 1)
	second.receives("video:room-state", fmt.Sprintf(`{"participants": [%s]}`, there))
	first.receives("video:user-joined", fmt.Sprintf(`{"socketId": %q, "userId": %q, "user": %s}`, ids[1], lee, person(lee, leesName)))
	return ids
}

// mustHaveStayed wants one session, one stint each, and no second in which anybody was away.
func (m *webCall) mustHaveStayed(database string) {
	t := m.t
	t.Helper()
	pool, err := postgres.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var types []string
	for _, e := range readLog(t, pool).events {
		types = append(types, e.Type)
	}
	want := []string{
		"SessionStarted", "ParticipantJoined", "ParticipantJoined", "AudioMuted", "ParticipantLeft", "ParticipantLeft", "SessionEnded",
	}
	if !slices.Equal(types, want) {
		t.Errorf("the log has %v, not %v", types, want)
	}
	m.api.latest = int64(len(types))
	detail := m.api.session(m.sessionID)
	for i, user := range []string{kim, lee} {
		p := detail.of(t, user)
		if p.LeftAt == nil || p.Duration == nil {
			t.Fatalf("%s is on record as %+v", user, p)
		}
		if stay := p.LeftAt.Sub(p.JoinedAt); *p.Duration != int64(stay/time.Second) {
			t.Errorf("%s stayed for %v, and %d s are on record", user, stay, *p.Duration)
		}
		m.stays[i].mustBe(t, user+"'s stay", *p.Duration)
	}
	m.muted.until(m.stays[0]).mustBe(t, "the mute", detail.of(t, kim).AudioMutedTime)
	mustBeHistory(t, m.api, detail)
	if now := m.api.ask(http.StatusOK, http.MethodGet, "status", kim, "").Session; now != nil {
		t.Errorf("after the call the status is %+v", now)
	}
}
