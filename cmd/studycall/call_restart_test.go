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

// The service drains, and restarts on the same port and database. The clients reconnect by themselves, and the record has no
// leave in between.
func TestTheWebAppsClientReconnectsAfterARestart(t *testing.T) {
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
			ids := m.reconnect(m.kim, m.lee)
			if slices.Contains(ids, m.kimID) || slices.Contains(ids, m.leeID) {
				t.Errorf("the socket ids are %v, as before the restart", ids)
			}

			leave := map[string]string{"roomId": callRoom}
			m.stays[1].end(func() { m.lee.must("video:leave-room", leave) })
			m.stays[0].end(func() { m.kim.must("video:leave-room", leave) })
			m.mustHaveStayed(database)
		})
	}
}

// quietPort returns an address whose port the system assigns to no outgoing connection.
func quietPort(t *testing.T) (address string) {
	t.Helper()
	for range 100 {
		address = net.JoinHostPort("127.0.0.1", strconv.Itoa(20000+rand.IntN(10000))) // Linux assigns ports from 32768
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
		if err == nil {
			if err := listener.Close(); err != nil {
				t.Fatal(err)
			}
			return address
		}
	}
	t.Fatal("found no free port")
	return ""
}

// reconnect waits until the clients have reconnected, and joins the room like the web app. The second client finds the first in
// the room, still muted.
func (m *webCall) reconnect(first, second *webSocket) (ids []string) {
	m.t.Helper()
	for _, s := range []*webSocket{first, second} {
		lost := s.after("disconnect", "video:room-state", "video:user-joined", "video:user-left")
		// A poll may reach a session that has just ended. For the client that is an error; it reconnects as well.
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
	first.receives("video:peer-audio-changed", fmt.Sprintf(`{"socketId": %q, "userId": %q, "isMuted": true}`, ids[0], kim)) // kim's own state
	muted := strings.Replace(inRoom(ids[0], kim, kimsName), `"isMuted": false`, `"isMuted": true`, 1)
	second.receives("video:room-state", fmt.Sprintf(`{"participants": [%s]}`, muted))
	first.receives("video:user-joined", fmt.Sprintf(`{"socketId": %q, "userId": %q, "user": %s}`, ids[1], lee, person(lee, leesName)))
	return ids
}

// mustHaveStayed fails the test unless the record has one session with one stint each, without an interruption.
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
		t.Errorf("the log has %v, want %v", types, want)
	}
	m.api.latest = int64(len(types))
	detail := m.api.session(m.sessionID)
	for i, user := range []string{kim, lee} {
		p := detail.participant(t, user)
		if p.LeftAt == nil || p.Duration == nil {
			t.Fatalf("the record of %s is %+v", user, p)
		}
		if stay := p.LeftAt.Sub(p.JoinedAt); *p.Duration != int64(stay/time.Second) {
			t.Errorf("%s was in the call for %v, but the record has %d s", user, stay, *p.Duration)
		}
		m.stays[i].mustBe(t, user+"'s stay", *p.Duration)
	}
	m.muted.until(m.stays[0]).mustBe(t, "the mute", detail.participant(t, kim).AudioMutedTime)
	mustBeHistory(t, m.api, detail)
	if now := m.api.ask(http.StatusOK, http.MethodGet, "status", kim, "").Session; now != nil {
		t.Errorf("after the call the status is %+v", now)
	}
}
