package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/membership"
)

// refused checks that an answer has the status, the code and the error shape with exactly three keys. It returns the details.
func refused(t *testing.T, doing string, status int, code string, got answer) map[string]any {
	t.Helper()
	var failure map[string]any
	if err := json.Unmarshal([]byte(got.body), &failure); err != nil {
		t.Fatalf("%s: %v: %s", doing, err, got.body)
	}
	details, isObject := failure["details"].(map[string]any)
	message, _ := failure["error"].(string)
	if got.status != status || failure["code"] != code || !isObject || message == "" || len(failure) != 3 {
		t.Errorf("%s: got %d %s, want %d %s", doing, got.status, got.body, status, code)
	}
	if kind := got.header.Get("Content-Type"); kind != "application/json" || got.header.Get("Content-Language") == "" {
		t.Errorf("%s: headers %v", doing, got.header)
	}
	return details
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.exec(`insert into users (id, name, email, status) values ('suspended', 'S', 's@example.com', 'SUSPENDED')`)
	s.exec(`insert into study_members (study_id, user_id) values ('study-123', 'suspended')`)
	s.exec(`insert into studies (id, name) values ('study-other', 'Other')`)
	s.exec(`insert into study_members (study_id, user_id) values ('study-other', $1)`, owner)
	ended := s.start()
	for _, route := range []string{"join", "leave"} {
		if got := s.ask(owner, "POST", route, naming(ended)); got.status >= 300 {
			t.Fatal(got)
		}
	}
	open := s.start()
	before := s.events(t)

	const (
		signIn = "401 AUTH_REQUIRED"
		join   = "403 NOT_STUDY_MEMBER"
	)
	for _, c := range []struct{ user, method, path, body, want string }{
		{noOne, "POST", "start", "", signIn},
		{noOne, "GET", "status", "", signIn},
		{noOne, "POST", "join", "{", signIn},
		{noOne, "POST", "leave", "{", signIn},
		{noOne, "GET", "sessions/" + open, "", signIn},
		{"nobody", "GET", "status", "", signIn},
		{"nobody", "POST", "leave", naming(open), signIn},
		{"suspended", "POST", "start", "", signIn},
		{"suspended", "GET", "status", "", signIn},

		{outsider, "POST", "start", "", join},
		{outsider, "GET", "status", "", join},
		{outsider, "POST", "join", naming(open), join},
		{outsider, "POST", "join", naming("unknown"), join},
		{outsider, "POST", "join", "{", join},
		{outsider, "GET", "sessions/" + open, "", join},
		{outsider, "GET", "sessions/unknown", "", join},
		{former, "POST", "start", "", join},
		{former, "POST", "join", naming(open), join},
		{former, "GET", "sessions/" + open, "", join},

		{member, "POST", "join", naming(ended), "400 SESSION_ENDED"},
		{member, "POST", "join", naming("unknown"), "400 SESSION_NOT_FOUND"},
		{member, "POST", "join", "{", "400 INVALID_REQUEST"},
		{member, "POST", "join", "", "400 INVALID_REQUEST"},
		{member, "POST", "leave", "[]", "400 INVALID_REQUEST"},
		{outsider, "POST", "leave", "[]", "400 INVALID_REQUEST"},
		{member, "POST", "leave", naming(open), "404 PARTICIPANT_NOT_FOUND"},
		{member, "POST", "leave", naming(ended), "404 PARTICIPANT_NOT_FOUND"},
		{outsider, "POST", "leave", naming("unknown"), "404 PARTICIPANT_NOT_FOUND"},
		{member, "GET", "sessions/unknown", "", "404 SESSION_NOT_FOUND"},

		{owner, "POST", "/study-other/join", naming(open), "400 SESSION_NOT_FOUND"},
		{owner, "POST", "/study-other/leave", naming(ended), "404 PARTICIPANT_NOT_FOUND"},
		{owner, "GET", "/study-other/sessions/" + open, "", "404 SESSION_NOT_FOUND"},
		{owner, "GET", "/study-unknown/status", "", join},
	} {
		path := calls + c.path
		if study, rest, other := strings.Cut(strings.TrimPrefix(c.path, "/"), "/"); other && c.path[0] == '/' {
			path = "/api/my-studies/" + study + "/video-call/" + rest
		}
		number, code, _ := strings.Cut(c.want, " ")
		status, err := strconv.Atoi(number)
		check.NoError(t, err)
		refused(t, c.user+" "+c.method+" "+c.path+" "+c.body, status, code, s.send(c.user, c.method, path, strings.NewReader(c.body)))
	}
	if after := s.events(t); after != before {
		t.Errorf("%d events were appended", after-before)
	}
	// A participant may leave after the membership has ended.
	if got := s.ask(member, "POST", "join", naming(open)); got.status != http.StatusCreated {
		t.Fatal(got)
	}
	s.exec(`update study_members set status = 'KICKED' where user_id = $1`, member)
	if got := s.ask(member, "POST", "leave", naming(open)); got.status != http.StatusOK {
		t.Errorf("a former member leaves: %+v", got)
	}
}

func TestAFullCallRefusesJoins(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	id := s.start()
	for i := range 12 {
		user := "guest-" + strconv.Itoa(i)
		s.exec(`insert into users (id, name, email) values ($1, $1, $1)`, user)
		s.exec(`insert into study_members (study_id, user_id) values ('study-123', $1)`, user)
		if got := s.ask(user, "POST", "join", naming(id)); got.status != http.StatusCreated {
			t.Fatal(got)
		}
	}
	got := s.ask(member, "POST", "join", naming(id))
	if details := refused(t, "the 13th joins", http.StatusConflict, "ROOM_FULL", got); details["capacity"] != 12.0 {
		t.Errorf("details %v", details)
	}
}

func TestImpossibleIDsAreRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	for _, id := range []string{"%00", "a%00b", "%ff", "%0a", strings.Repeat("x", 201)} {
		study := "/api/my-studies/" + id + "/video-call/"
		for _, route := range []string{"start", "join", "status"} {
			method := http.MethodPost
			if route == "status" {
				method = http.MethodGet
			}
			got := s.send(owner, method, study+route, strings.NewReader(naming("id-1")))
			refused(t, study+route, http.StatusForbidden, "NOT_STUDY_MEMBER", got)
		}
		got := s.send(owner, "POST", study+"leave", strings.NewReader(naming("id-1")))
		refused(t, study+"leave", http.StatusNotFound, "PARTICIPANT_NOT_FOUND", got)
		refused(t, "session "+id, http.StatusNotFound, "SESSION_NOT_FOUND", s.ask(owner, "GET", "sessions/"+id, ""))
	}
	if s.logged.String() != "" {
		t.Errorf("logged: %s", s.logged)
	}
}

func TestIDsMayBeEncodedInPaths(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for study, path := range map[string]string{"스터디 1": "%EC%8A%A4%ED%84%B0%EB%94%94%201", "a/b%c": "a%2Fb%25c", "study-9": "study%2D9"} {
		s.exec(`insert into studies (id, name) values ($1, '')`, study)
		s.exec(`insert into study_members (study_id, user_id) values ($1, $2)`, study, owner)
		got := s.send(owner, "POST", "/api/my-studies/"+path+"/video-call/start", nil)
		var answer struct {
			Session struct{ StudyID, RoomID string }
		}
		check.NoError(t, json.Unmarshal([]byte(got.body), &answer))
		if got.status != http.StatusCreated || answer.Session.StudyID != study || answer.Session.RoomID != "study-"+study+"-main" {
			t.Errorf("%s: %+v", path, got)
		}
	}
	if !membership.PossibleID("a/b%c") {
		t.Error("not an id")
	}
}
