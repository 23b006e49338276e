package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/postgres"
)

const (
	callStudy = "study-123"
	callRoom  = "study-study-123-main"
	kim       = "user-456"
	park      = "user-100"
	lee       = "user-789"
	suspended = "user-600"

	kimsName = "김철수 🎓"
	leesName = "이영희 👩‍💻"
)

// callDatabase creates a database with the example study, with emoji in users' names, and a suspended user.
func callDatabase(t *testing.T) (address string) {
	t.Helper()
	address = exampleURL(t)
	pool, err := postgres.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for _, change := range [][3]string{
		{`update users set name = $2 where id = $1`, kim, kimsName},
		{`update users set name = $2 where id = $1`, lee, leesName},
		{`insert into users (id, name, email, status) values ($1, $2, 'frozen@example.com', 'SUSPENDED')`, suspended, "강하늘"},
	} {
		if _, err := pool.Exec(t.Context(), change[0], change[1], change[2]); err != nil {
			t.Fatal(err)
		}
	}
	return address
}

// callArgs returns the flags for production sign-in.
func callArgs(database string, more ...string) []string {
	return append([]string{"--database-url", database, "--nextauth-secret", secretText}, more...)
}

// sessionToken returns a session token like the web app's.
func sessionToken(t *testing.T, user string) string {
	t.Helper()
	token, err := auth.Mint(secretText, auth.Session{UserID: user}, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// person returns a user in the form of the sockets.
func person(id, name string) string {
	return fmt.Sprintf(`{"id": %q, "name": %q, "email": "%s@example.com", "avatar": "https://example.com/avatars/%s.png"}`, id, name, id, id)
}

// callAPI calls the REST routes of the study's call.
type callAPI struct {
	t       *testing.T
	client  *http.Client
	address string
	latest  int64 // the position of the latest command: queries wait for it
}

// sessionRecord is a session in REST answers. The history leaves some fields empty.
type sessionRecord struct {
	ID, StudyID, RoomID, StartedBy string
	StartedAt                      time.Time
	EndedAt                        *time.Time
	Duration                       *int64
	OnlineCount, ParticipantCount  int
	Participants                   []participantRecord
}

type participantRecord struct {
	ID, UserID                                     string
	JoinedAt                                       time.Time
	LeftAt                                         *time.Time
	Duration                                       *int64
	AudioMutedTime, VideoOffTime, ScreenSharedTime int64
	User                                           struct{ Name string }
}

// participant returns a user's record, and ends the test if there is none.
func (r *sessionRecord) participant(t *testing.T, user string) participantRecord {
	t.Helper()
	for _, p := range r.Participants {
		if p.UserID == user {
			return p
		}
	}
	t.Fatalf("%s has no record: %+v", user, r)
	return participantRecord{}
}

// callAnswer is the answer of a route.
type callAnswer struct {
	Session     *sessionRecord
	Sessions    []sessionRecord
	Participant *participantRecord
	Success     bool
}

// head returns the position of the last event in the log. A query that waits for it sees every action of the pages and sockets,
// however busy the machine is.
func (a *callAPI) head() (head int64) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, a.address+"/ready", http.NoBody)
	if err != nil {
		a.t.Fatal(err)
	}
	answered, err := send(a.client, request)
	var ready struct {
		Checks struct{ Projections []struct{ Head int64 } }
	}
	if err == nil {
		err = json.Unmarshal([]byte(answered.Raw), &ready)
	}
	if err != nil || answered.Status != http.StatusOK || len(ready.Checks.Projections) == 0 {
		a.t.Fatalf("/ready: %d %s (%v)", answered.Status, answered.Raw, err)
	}
	return ready.Checks.Projections[0].Head
}

// ask sends a user's request. It ends the test unless the answer has the status.
func (a *callAPI) ask(status int, method, route, user, body string) (result callAnswer) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), method,
		a.address+"/api/my-studies/"+callStudy+"/video-call/"+route, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	request.AddCookie(&http.Cookie{Name: auth.DefaultCookie, Value: sessionToken(a.t, user)})
	request.Header.Set("Content-Type", "application/json")
	if method == http.MethodGet {
		a.latest = max(a.latest, a.head())
		request.Header.Set("Min-Event-Position", strconv.FormatInt(a.latest, 10))
	}
	answered, err := send(a.client, request)
	for tries := 0; method == http.MethodGet && answered.Status == http.StatusServiceUnavailable && tries < 30; tries++ {
		answered, err = send(a.client, request) // the tables lag behind: the query has waited for 2 s
	}
	if err != nil || answered.Status != status {
		a.t.Fatalf("%s %s: %d %s (%v), want %d", method, route, answered.Status, answered.Raw, err, status)
	}
	a.latest = max(a.latest, answered.Position)
	if err := json.Unmarshal([]byte(answered.Raw), &result); err != nil {
		a.t.Fatal(err)
	}
	return result
}

// session returns the record of a session.
func (a *callAPI) session(id string) *sessionRecord {
	a.t.Helper()
	return a.ask(http.StatusOK, http.MethodGet, "sessions/"+url.PathEscape(id), kim, "").Session
}
