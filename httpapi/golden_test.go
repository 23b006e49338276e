package httpapi_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/studycall/studycall/commands"
)

// golden compares an answer's body, indented and otherwise as it is, with testdata/<name>.json. With UPDATE_GOLDEN set
// it writes the file instead: then read what changed, for these files are the contract.
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
		must(t, os.WriteFile(file, indented.Bytes(), 0o600))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if indented.String() != string(want) {
		t.Errorf("%s: got\n%swant\n%s", name, indented.String(), want)
	}
}

func TestTheLifeOfASessionLooksAsTheContractSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	golden(t, "status_none", 200, w.ask(member, "GET", "status", ""))

	golden(t, "start_created", 201, w.ask(owner, "POST", "start", ""))
	w.pass(time.Minute)
	open := w.ask(member, "POST", "start", "")
	golden(t, "start_open", 200, open)
	golden(t, "start_open_en", 200, w.ask(member, "POST", "start", "", "Accept-Language", "en"))
	if language := open.header.Get("Content-Language"); language != "ko" {
		t.Errorf("Content-Language %q", language)
	}
	golden(t, "status_nobody", 200, w.ask(member, "GET", "status", ""))

	golden(t, "join_first", 201, w.ask(owner, "POST", "join", naming("id-1")))
	w.pass(4 * time.Minute)
	golden(t, "join_second", 201, w.ask(member, "POST", "join", naming("id-1")))
	golden(t, "status_two", 200, w.ask(admin, "GET", "status", ""))

	for _, muted := range []bool{true, false} {
		_, err := w.commands.SetAudio(t.Context(), commands.SetAudio{
			StudyID: "study-123", SessionID: "id-1", UserID: member, Muted: muted, At: w.time(),
		})
		must(t, err)
		w.pass(61 * time.Second)
	}
	golden(t, "leave", 200, w.ask(member, "POST", "leave", naming("id-1")))
	golden(t, "leave", 200, w.ask(member, "POST", "leave", naming("id-1")))
	golden(t, "status_one", 200, w.ask(admin, "GET", "status", ""))
	golden(t, "session_open", 200, w.ask(admin, "GET", "sessions/id-1", ""))

	w.pass(time.Minute + 500*time.Millisecond)
	golden(t, "join_again", 200, w.ask(member, "POST", "join", naming("id-1")))
	golden(t, "join_again", 200, w.ask(member, "POST", "join", naming("id-1")))
	golden(t, "leave", 200, w.ask(owner, "POST", "leave", naming("id-1")))
	w.pass(10*time.Second + 700*time.Millisecond)
	golden(t, "leave", 200, w.ask(member, "POST", "leave", naming("id-1")))
	golden(t, "leave", 200, w.ask(member, "POST", "leave", naming("id-1")))

	golden(t, "status_none", 200, w.ask(member, "GET", "status", ""))
	golden(t, "session_ended", 200, w.ask(admin, "GET", "sessions/id-1", ""))

	w.exec(`delete from users where id = $1`, owner)
	w.exec(`update users set name = '이영희 <&>', avatar = 'data:image/png;base64,AAAA' where id = $1`, member)
	golden(t, "session_people_changed", 200, w.ask(admin, "GET", "sessions/id-1", ""))
}

func TestASessionThatNobodyJoinedHasNoParticipants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	golden(t, "session_nobody", 200, w.ask(admin, "GET", "sessions/id-1", ""))
}
