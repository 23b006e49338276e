package httpapi_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
)

// golden compares the indented body of an answer with testdata/<name>.json. With UPDATE_GOLDEN set it writes the file instead.
// Then review the difference: clients rely on these files.
func golden(t *testing.T, name string, status int, got answer) {
	t.Helper()
	if got.status != status {
		t.Errorf("%s: status %d, want %d: %s", name, got.status, status, got.body)
	}
	if kind := got.header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("%s: Content-Type %q", name, kind)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(got.body), "", "  "); err != nil {
		t.Fatalf("%s: %v: %s", name, err, got.body)
	}
	file := filepath.Join("testdata", name+".json")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		check.NoError(t, os.WriteFile(file, indented.Bytes(), 0o600))
	}
	want, err := os.ReadFile(file)
	check.NoError(t, err)
	if indented.String() != string(want) {
		t.Errorf("%s: got\n%swant\n%s", name, indented.String(), want)
	}
}

func TestAnswersOverTheLifeOfASession(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	golden(t, "status_none", 200, s.ask(member, "GET", "status", ""))

	golden(t, "start_created", 201, s.ask(owner, "POST", "start", ""))
	s.pass(time.Minute)
	open := s.ask(member, "POST", "start", "")
	golden(t, "start_open", 200, open)
	golden(t, "start_open_en", 200, s.ask(member, "POST", "start", "", "Accept-Language", "en"))
	if language := open.header.Get("Content-Language"); language != "ko" {
		t.Errorf("Content-Language %q", language)
	}
	golden(t, "status_nobody", 200, s.ask(member, "GET", "status", ""))

	golden(t, "join_first", 201, s.ask(owner, "POST", "join", naming("id-1")))
	s.pass(4 * time.Minute)
	golden(t, "join_second", 201, s.ask(member, "POST", "join", naming("id-1")))
	golden(t, "status_two", 200, s.ask(admin, "GET", "status", ""))

	for _, muted := range []bool{true, false} {
		_, err := s.commands.SetToggle(t.Context(), "study-123", domain.SetToggle{
			SessionID: "id-1", UserID: member, Toggle: domain.Muted, On: muted, At: s.time(),
		})
		check.NoError(t, err)
		s.pass(61 * time.Second)
	}
	golden(t, "leave", 200, s.ask(member, "POST", "leave", naming("id-1")))
	golden(t, "leave", 200, s.ask(member, "POST", "leave", naming("id-1")))
	golden(t, "status_one", 200, s.ask(admin, "GET", "status", ""))
	golden(t, "session_open", 200, s.ask(admin, "GET", "sessions/id-1", ""))

	s.pass(time.Minute + 500*time.Millisecond)
	golden(t, "join_again", 200, s.ask(member, "POST", "join", naming("id-1")))
	golden(t, "join_again", 200, s.ask(member, "POST", "join", naming("id-1")))
	golden(t, "leave", 200, s.ask(owner, "POST", "leave", naming("id-1")))
	s.pass(10*time.Second + 700*time.Millisecond)
	golden(t, "leave", 200, s.ask(member, "POST", "leave", naming("id-1")))
	golden(t, "leave", 200, s.ask(member, "POST", "leave", naming("id-1")))

	golden(t, "status_none", 200, s.ask(member, "GET", "status", ""))
	golden(t, "session_ended", 200, s.ask(admin, "GET", "sessions/id-1", ""))

	s.exec(`delete from users where id = $1`, owner)
	s.exec(`update users set name = '이영희 <&>', avatar = 'data:image/png;base64,AAAA' where id = $1`, member)
	golden(t, "session_people_changed", 200, s.ask(admin, "GET", "sessions/id-1", ""))
}

func TestASessionThatNobodyJoinedHasNoParticipants(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start()
	golden(t, "session_nobody", 200, s.ask(admin, "GET", "sessions/id-1", ""))
}
