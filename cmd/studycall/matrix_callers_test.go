package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// registry is a source of memberships in study-123, with functions that change them.
type registry struct {
	t       *testing.T
	args    []string // of the program
	pool    *pgxpool.Pool
	account func(user, status string)
	place   func(user, role, status string)
}

func newRegistry(t *testing.T, url, accountSQL, placeSQL string) *registry {
	t.Helper()
	pool := openPool(t, url, postgres.WithMaxConns(2))
	people := &registry{t: t, pool: pool}
	people.account = func(user, status string) { t.Helper(); people.exec(accountSQL, user, status) }
	people.place = func(user, role, status string) { t.Helper(); people.exec(placeSQL, user, role, status) }
	return people
}

func (r *registry) exec(sql string, args ...any) {
	r.t.Helper()
	if _, err := r.pool.Exec(r.t.Context(), sql, args...); err != nil {
		r.t.Fatal(err)
	}
}

// ourRegistry returns the service's own tables, with the example study.
func ourRegistry(t *testing.T) *registry {
	t.Helper()
	url := exampleURL(t)
	people := newRegistry(t, url,
		`insert into users (id, name, email, status) values ($1, $1, $1, $2) on conflict (id) do update set status = excluded.status`,
		`insert into study_members (study_id, user_id, role, status) values ('study-123', $1, $2, $3)
			on conflict (study_id, user_id) do update set role = excluded.role, status = excluded.status`)
	people.args = []string{"--database-url=" + url}
	return people
}

// webRegistry returns a web app's database with its schema. The service's own tables are empty.
func webRegistry(t *testing.T) *registry {
	t.Helper()
	url := postgrestest.Empty(t)
	people := newRegistry(t, url,
		`insert into "User" (id, name, email, status, "updatedAt") values ($1, $1, $1, $2::text::"UserStatus", now())
			on conflict (id) do update set status = excluded.status`,
		`insert into "StudyMember" (id, "studyId", "userId", role, status) values ('m-' || $1, 'study-123', $1, $2::text::"MemberRole", $3::text::"MemberStatus")
			on conflict ("studyId", "userId") do update set role = excluded.role, status = excluded.status`)
	people.exec(webSchema(t))
	people.account("user-founder", "ACTIVE")
	people.exec(`insert into "Study" (id, "ownerId", name, description, "updatedAt") values ('study-123', 'user-founder', 'S', '', now())`)
	people.args = []string{"--database-url=" + postgrestest.NewURL(t), "--membership-url=" + url + "&schema=public"}
	return people
}

// headers returns the sign-in headers of a user's requests.
func (m *matrixCaller) headers(user string) http.Header {
	m.t.Helper()
	request := &http.Request{Header: http.Header{}}
	if user != "" {
		m.how.show(m.t, request, user)
	}
	return request.Header
}

// subscribe opens the event feed, and returns the result in the form of a REST answer.
func (m *matrixCaller) subscribe(user string) (got answer) {
	m.t.Helper()
	header := m.headers(user)
	var headers []string
	for name := range header {
		headers = append(headers, name, header.Get(name))
	}
	var status int
	var answered http.Header
	var body string
	check.Eventually(m.t, "the server follows the log", func() bool { // until then the feed answers 503
		status, answered, body = upgrade(m.t, m.address, eventsPath, headers...)
		return status != http.StatusServiceUnavailable
	})
	if status == http.StatusSwitchingProtocols {
		return answer{Status: http.StatusOK}
	}
	got = answer{Status: status, Header: answered, Raw: body}
	if err := json.Unmarshal([]byte(body), &got.Body); err != nil {
		m.t.Errorf("the feed of %q: %d %s", user, status, body)
	}
	return got
}

// joinBySocket joins the room and leaves it, and returns the result in the form of a REST answer.
func (m *matrixCaller) joinBySocket(user string, plain bool) (got answer) {
	m.t.Helper()
	client, err := realtimetest.Dial(m.t, m.address, realtimetest.Options{Header: m.headers(user), Plain: plain})
	if refused := (*realtimetest.ConnectError)(nil); errors.As(err, &refused) {
		// A plain socket is refused with an HTTP status. Socket.IO refuses with a packet: its client would retry after a status.
		if (refused.Status != 0) != plain || plain && refused.Status != http.StatusUnauthorized {
			m.t.Errorf("the socket of %q: %v", user, err)
		}
		got.Status, got.Body.Code, got.Raw = http.StatusUnauthorized, "AUTH_REQUIRED", refused.Message
		return got
	}
	if err != nil {
		m.t.Fatalf("the socket of %q: %v", user, err)
	}
	defer client.Drop()
	ack := client.Ask("video:join-room", `{"studyId":"study-123","roomId":"study-study-123-main"}`)
	var reply struct {
		OK   bool
		Code string
	}
	if err := json.Unmarshal(ack, &reply); err != nil {
		m.t.Fatal(err)
	}
	got.Raw, got.Body.Code = string(ack), reply.Code
	switch {
	case reply.OK:
		got.Status = http.StatusOK
		client.Must("video:leave-room", `{"roomId":"study-study-123-main"}`)
	case reply.Code == "NOT_STUDY_MEMBER":
		got.Status = http.StatusForbidden
	}
	return got
}
