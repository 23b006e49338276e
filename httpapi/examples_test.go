package httpapi_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
)

// asSpecified compares an answer with an example of the API specification, in testdata/spec: the answer has each field of the
// example with the same value. Lists in the answer may be longer, because the example shows only their beginning, and users may
// have more fields. The golden files check the answers byte for byte.
func asSpecified(t *testing.T, example string, got answer) {
	t.Helper()
	if got.status != 200 {
		t.Fatalf("%s: %+v", example, got)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "spec", example+".json"))
	check.NoError(t, err)
	var want, is any
	check.NoError(t, json.Unmarshal(text, &want))
	check.NoError(t, json.Unmarshal([]byte(got.body), &is))
	contains(t, example, want, is)
}

func contains(t *testing.T, where string, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		fields, _ := got.(map[string]any)
		for name, value := range want {
			field, found := fields[name]
			if !found {
				t.Errorf("%s.%s is missing", where, name)
				continue
			}
			contains(t, where+"."+name, value, field)
		}
	case []any:
		elements, _ := got.([]any)
		if len(elements) < len(want) {
			t.Errorf("%s has %d elements, want %d", where, len(elements), len(want))
			return
		}
		for i, value := range want {
			contains(t, fmt.Sprintf("%s[%d]", where, i), value, elements[i])
		}
	default:
		if want != got {
			t.Errorf("%s is %v, want %v", where, got, want)
		}
	}
}

// A user has 45 sessions from 2025-10-01 on. The history begins with the last one.
func TestTheSpecificationsHistoryAndUser(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.exec(`update users set avatar = 'https://...' where id = $1`, owner)
	var pastCalls []pastCall
	for i := range 44 {
		// 44 × 3559 s and 4 s more are the 156,600 s beside the last session's 5,400.
		m := pastCall{id: fmt.Sprintf("s%d", i), start: clock("2025-10-01T10:00:00Z").Add(time.Duration(i) * 24 * time.Hour), length: time.Hour}
		p := stay{user: owner, length: 3559 * time.Second, muted: 272 * time.Second, camera: 181 * time.Second, sharing: 545 * time.Second}
		if i == 0 {
			p.length, p.muted, p.camera, p.sharing = p.length+4*time.Second, p.muted+32*time.Second, p.camera+36*time.Second, p.sharing+20*time.Second
		}
		m.present = []stay{p}
		pastCalls = append(pastCalls, m)
	}
	pastCalls = append(pastCalls, pastCall{id: "clxxx...", start: clock("2025-11-19T10:00:00Z"), length: 90 * time.Minute, present: []stay{
		{id: "part-1", user: owner, length: 90 * time.Minute}, {id: "part-2", user: member, length: time.Hour},
	}})
	known := s.past("study-123", pastCalls...)
	asSpecified(t, "history", s.ask(member, "GET", "history", "", known...))
	asSpecified(t, "user_stats", s.ask(owner, "GET", "stats/users/"+owner, "", known...))
	golden(t, "user_stats", 200, s.ask(admin, "GET", "stats/users/"+owner, "", known...))
	golden(t, "history_page", 200, s.ask(member, "GET", "history?page=2&limit=2", "", known...))

	last := s.ask(member, "GET", "history?page=3", "", known...)
	var shown struct{ Sessions []struct{ ID string } }
	check.NoError(t, json.Unmarshal([]byte(last.body), &shown))
	if n := len(shown.Sessions); n != 5 || shown.Sessions[4].ID != "s0" {
		t.Errorf("page 3 has %d sessions: %s", n, last.body)
	}
}

func TestTheSpecificationsSession(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.exec(`update users set avatar = 'https://...' where id = $1`, owner)
	known := s.past("study-123", pastCall{id: "clxxx...", start: clock("2025-11-19T10:00:00Z"), length: 90 * time.Minute, present: []stay{
		{id: "part-1", user: owner, length: 90 * time.Minute, muted: 300 * time.Second, camera: 600 * time.Second, sharing: 1200 * time.Second},
	}})
	got := s.ask(member, "GET", "sessions/clxxx...", "", known...)
	asSpecified(t, "session", got)
	golden(t, "session_specified", 200, got)
}

// The study has 12 sessions of an hour in the week until 2025-11-19, with 38 participants in all.
func TestTheSpecificationsStudy(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	others, turn := []string{admin, member, former, outsider}, 0
	some := func(n int) (users []string) { // the others in turn, so that each has 7
		for range n {
			users = append(users, others[turn%len(others)])
			turn++
		}
		return users
	}
	var pastCalls []pastCall
	for day, sessions := range []int{2, 1, 3, 2, 1, 2, 1} {
		for n := range sessions {
			users := append(some(2), owner)
			switch len(pastCalls) {
			case 3, 4: // so that the owner has 10
				users = append(users[:2], some(1)...)
			case 5, 6: // 12 × 3 and 2 more are 38
				users = append(users, some(1)...)
			}
			pastCalls = append(pastCalls, pastCall{
				id: fmt.Sprintf("s%d", len(pastCalls)), length: time.Hour, present: everybody(time.Hour, users...),
				start: clock("2025-11-13T02:00:00Z").Add(time.Duration(day)*24*time.Hour + time.Duration(2*n)*time.Hour),
			})
		}
	}
	before := pastCall{id: "before", start: clock("2025-11-12T14:59:59Z"), length: time.Hour, present: everybody(time.Hour, member)}
	known := s.past("study-123", append([]pastCall{before}, pastCalls...)...)
	got := s.ask(member, "GET", "stats", "", known...)
	asSpecified(t, "study_stats", got)
	golden(t, "study_stats", 200, got)
	golden(t, "study_stats", 200, s.ask(member, "GET", "stats?period=week", "", known...))
}
