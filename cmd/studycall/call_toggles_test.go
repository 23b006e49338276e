package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// toggle mutes kim for 1.5 s, turns lee's camera off for 3 s, and shares park's screen for 4.5 s.
func (m *webCall) toggle() {
	// The record has whole seconds: the pauses make the three durations different, and none of them 0.
	const pause = 1500 * time.Millisecond
	room := func(more ...any) map[string]any {
		data := map[string]any{"roomId": callRoom}
		for i := 0; i < len(more); i += 2 {
			data[more[i].(string)] = more[i+1]
		}
		return data
	}
	peersReceive := func(event, socketID, user, key string, value bool, receivers ...*webSocket) {
		m.t.Helper()
		for _, s := range receivers {
			s.receives(event, fmt.Sprintf(`{"socketId": %q, "userId": %q, %q: %t}`, socketID, user, key, value))
		}
	}
	m.muted = beginInterval(func() { m.kim.must("video:toggle-audio", room("isMuted", true)) })
	peersReceive("video:peer-audio-changed", m.kimID, kim, "isMuted", true, m.lee, m.park)
	m.hidden = beginInterval(func() { m.lee.must("video:toggle-video", room("isVideoOff", true)) })
	peersReceive("video:peer-video-changed", m.leeID, lee, "isVideoOff", true, m.kim, m.park)
	m.sharing = beginInterval(func() { m.park.must("video:screen-share-start", room()) })
	m.receiveSharing("video:screen-share-started", true)

	if got := m.kim.ask("video:screen-share-start", room()); !same(m.t, got, fmt.Sprintf(`{"ok": false,
		"code": "SCREEN_SHARE_TAKEN", "message": "다른 참여자가 이미 화면을 공유하고 있습니다.",
		"details": {"userId": %q, "name": "박민수"}}`, park)) {
		m.t.Errorf("a second share is answered with %s", got)
	}
	m.kim.receives("error", fmt.Sprintf(`{"code": "SCREEN_SHARE_TAKEN", "message": "다른 참여자가 이미 화면을 공유하고 있습니다.",
		"details": {"userId": %q, "name": "박민수"}}`, park))

	<-time.After(pause)
	m.muted.end(func() { m.kim.must("video:toggle-audio", room("isMuted", false)) })
	peersReceive("video:peer-audio-changed", m.kimID, kim, "isMuted", false, m.lee, m.park)
	<-time.After(pause)
	m.hidden.end(func() { m.lee.must("video:toggle-video", room("isVideoOff", false)) })
	peersReceive("video:peer-video-changed", m.leeID, lee, "isVideoOff", false, m.kim, m.park)
	<-time.After(pause)
	m.sharing.end(func() { m.park.must("video:screen-share-stop", room()) })
	m.receiveSharing("video:screen-share-stopped", false)
}

// receiveSharing waits until kim and lee receive park's share, with both event names.
func (m *webCall) receiveSharing(event string, sharing bool) {
	m.t.Helper()
	for _, s := range []*webSocket{m.kim, m.lee} {
		s.receives("video:peer-screen-share", fmt.Sprintf(`{"socketId": %q, "userId": %q, "isSharing": %t}`, m.parkID, park, sharing))
		s.receives(event, fmt.Sprintf(`{"socketId": %q, "userId": %q}`, m.parkID, park))
	}
}

// leave makes the participants leave one after the other: first the room by socket, then the session by REST.
func (m *webCall) leave() {
	leave := func(s *webSocket, stay *interval, socketID string, rest ...*webSocket) {
		stay.end(func() { s.must("video:leave-room", map[string]string{"roomId": callRoom}) })
		for _, other := range rest {
			other.receives("video:user-left", fmt.Sprintf(`{"socketId": %q, "userId": %q}`, socketID, s.who))
		}
		if !m.api.ask(http.StatusOK, http.MethodPost, "leave", s.who, fmt.Sprintf(`{"sessionId": %q}`, m.sessionID)).Success {
			m.t.Errorf("the leave of %s is no success", s.who)
		}
	}
	leave(m.park, &m.stays[2], m.parkID, m.kim, m.lee)
	leave(m.lee, &m.stays[1], m.leeID, m.kim)
	leave(m.kim, &m.stays[0], m.kimID)
}

// mustBeOnRecord compares the session's detail and the history with the measured intervals.
func (m *webCall) mustBeOnRecord() {
	t, detail, never := m.t, m.api.session(m.sessionID), interval{}
	if detail.EndedAt == nil || detail.Duration == nil || detail.StartedBy != kim || detail.RoomID != callRoom ||
		detail.StudyID != callStudy || len(detail.Participants) != 3 {
		t.Fatalf("the record of the session is %+v", detail)
	}
	m.stays[0].mustBe(t, "the session", *detail.Duration)
	for i, want := range []struct {
		user, name             string
		muted, hidden, sharing interval
	}{{kim, kimsName, m.muted, never, never}, {lee, leesName, never, m.hidden, never}, {park, "박민수", never, never, m.sharing}} {
		p := detail.Participants[i]
		if p.UserID != want.user || p.User.Name != want.name || p.LeftAt == nil || p.Duration == nil {
			t.Fatalf("the record of %s is %+v", want.user, p)
		}
		m.stays[i].mustBe(t, want.user+"'s stay", *p.Duration)
		want.muted.mustBe(t, want.user+" muted", p.AudioMutedTime)
		want.hidden.mustBe(t, want.user+" without camera", p.VideoOffTime)
		want.sharing.mustBe(t, want.user+" sharing", p.ScreenSharedTime)
	}
	mustBeHistory(t, m.api, detail)
	if now := m.api.ask(http.StatusOK, http.MethodGet, "status", kim, "").Session; now != nil {
		t.Errorf("after the call the status is %+v", now)
	}
}

// mustBeHistory fails the test unless the history has only this session, with the same data as its detail.
func mustBeHistory(t *testing.T, api *callAPI, detail *sessionRecord) {
	t.Helper()
	past := api.ask(http.StatusOK, http.MethodGet, "history", kim, "").Sessions
	if len(past) != 1 || past[0].ID != detail.ID || *past[0].Duration != *detail.Duration ||
		past[0].ParticipantCount != len(detail.Participants) || len(past[0].Participants) != len(detail.Participants) {
		t.Fatalf("the history is %+v, the session %+v", past, detail)
	}
	for i, p := range past[0].Participants {
		if want := detail.Participants[i]; p.UserID != want.UserID || p.User.Name != want.User.Name || *p.Duration != *want.Duration {
			t.Errorf("the history has %+v, the session %+v", p, want)
		}
	}
}
