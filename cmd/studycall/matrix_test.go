package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/auth"
)

// proof is a way to sign in.
type proof struct {
	name string
	args []string // of a program that accepts it
	show func(t *testing.T, r *http.Request, user string)
}

func proofs() []proof {
	mint := func(t *testing.T, user string) string {
		t.Helper()
		token, err := auth.Mint(secretText, auth.Session{UserID: user}, time.Now(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	secret := "--nextauth-secret=" + secretText
	cookie := func(t *testing.T, r *http.Request, user string) {
		t.Helper()
		r.Header.Set("Cookie", "theme=dark; "+auth.DefaultCookie+"="+mint(t, user))
	}
	return []proof{
		{"development", nil, func(_ *testing.T, r *http.Request, user string) { r.Header.Set(auth.DevHeader, user) }},
		{"cookie", []string{secret}, cookie},
		{"bearer", []string{secret, "--auth=nextauth"}, func(t *testing.T, r *http.Request, user string) {
			t.Helper()
			r.Header.Set("Authorization", "Bearer "+mint(t, user))
		}},
		{"cookie from an allowed page", []string{secret, "--allowed-origins=https://app.example.com"},
			func(t *testing.T, r *http.Request, user string) {
				t.Helper()
				cookie(t, r, user)
				r.Header.Set("Origin", "https://app.example.com")
				r.Header.Set("Sec-Fetch-Site", "cross-site")
			}},
	}
}

// matrixRoutes are the columns of the matrix, in the order of the requests. sessions is the open session. The last three are
// the event feed, and joining the room over Socket.IO and over a plain WebSocket.
const matrixRoutes = "start status history stats sessions other-session other-stats own-stats join join leave leave events socket-join plain-join"

// matrix has the expected statuses of each user, by column. A session is open. A steward stays in it, so that no leave ends it.
// Every former or current member has joined the session and left it, except the pending member.
func matrix() map[string]string {
	const (
		unknown  = "401 401 401 401 401 401 401 401 401 401 401 401 401 401 401"
		stranger = "403 403 403 403 403 403 403 404 403 403 404 404 403 403 403" // own-stats: no data of a user who never was a member
		former   = "403 403 403 403 403 403 403 200 403 403 200 200 403 403 403" // may see their own statistics, and leave
	)
	return map[string]string{
		"":                  unknown,
		"user-unknown":      unknown,
		"user-suspended":    unknown,
		"user-deleted":      unknown,
		"user-555":          stranger,
		"user-pending":      "403 403 403 403 403 403 403 200 403 403 404 404 403 403 403",
		"user-kicked":       former,
		"user-kicked-admin": former, // a role has no effect without an active membership
		"user-kicked-owner": former,
		"user-left-admin":   former,
		"user-left-owner":   former,
		"user-900":          former,
		"user-789":          "200 200 200 200 200 404 403 200 200 200 200 200 200 200 200",
		"user-100":          "200 200 200 200 200 404 200 200 200 200 200 200 200 200 200",
		"user-456":          "200 200 200 200 200 404 200 200 200 200 200 200 200 200 200",
		"user-new":          "200 200 200 200 200 404 403 200 201 200 200 200 200 200 200", // a member who never joined
	}
}

// codeOf returns the error code that belongs to a status in the matrix.
func codeOf(user, route, status string) string {
	switch {
	case status < "300":
		return ""
	case status == "401":
		return "AUTH_REQUIRED"
	case status == "403" && route == "other-stats" && (user == "user-789" || user == "user-new"):
		return "PERMISSION_DENIED"
	case status == "403":
		return "NOT_STUDY_MEMBER"
	case route == "other-session":
		return "SESSION_NOT_FOUND"
	case route == "own-stats":
		return "USER_NOT_FOUND"
	default:
		return "PARTICIPANT_NOT_FOUND"
	}
}

// The matrix holds on the real program, with every way to sign in, with the service's own tables and the web app's.
func TestPermissionsOfEveryRouteAndUser(t *testing.T) {
	t.Parallel()
	skipInShort(t, "5 s")
	for _, how := range proofs() {
		for name, newRegistry := range map[string]func(*testing.T) *registry{"own tables": ourRegistry, "the web app's tables": webRegistry} {
			t.Run(how.name+", "+name, func(t *testing.T) {
				t.Parallel()
				people := newRegistry(t)
				args := slices.Concat(people.args, how.args)
				m := &matrixCaller{t: t, how: how, client: newClient(t), address: serveInProcess(t, io.Discard, nil, args...)}
				m.populate(people)
				// A new server, which has cached no earlier membership.
				m.address = serveInProcess(t, io.Discard, nil, args...)
				for user, statuses := range matrix() {
					wants := strings.Fields(statuses)
					for i, route := range strings.Fields(matrixRoutes) {
						m.mustGet(user, route, wants[i])
					}
				}
			})
		}
	}
}

// matrixCaller sends the requests of the matrix to one program, with one way to sign in.
type matrixCaller struct {
	t       *testing.T
	how     proof
	client  *http.Client
	address string
	session string
}

// populate lets every former member join and leave the session, and then sets the memberships of the matrix.
func (m *matrixCaller) populate(people *registry) {
	m.t.Helper()
	former := map[string]string{ // user to role
		"user-steward": "MEMBER", "user-suspended": "MEMBER", "user-kicked": "MEMBER", "user-once": "MEMBER", "user-900": "MEMBER",
		"user-789": "MEMBER", "user-100": "ADMIN", "user-456": "OWNER", "user-kicked-admin": "ADMIN", "user-kicked-owner": "OWNER",
		"user-left-admin": "ADMIN", "user-left-owner": "OWNER",
	}
	for user, role := range former {
		people.account(user, "ACTIVE")
		people.place(user, role, "ACTIVE")
	}
	people.account("user-555", "ACTIVE")
	people.account("user-deleted", "DELETED")
	people.account("user-pending", "ACTIVE")
	people.place("user-pending", "MEMBER", "PENDING")
	people.account("user-new", "ACTIVE")
	people.place("user-new", "MEMBER", "ACTIVE")
	started := m.ask("user-steward", "start")
	if started.Body.Session == nil {
		m.t.Fatalf("start: %+v", started)
	}
	m.session = started.Body.Session.ID
	m.mustGet("user-steward", "join", "201")
	for user := range former {
		if user != "user-steward" {
			m.mustGet(user, "join", "201")
			m.mustGet(user, "leave", "200")
		}
	}
	people.account("user-suspended", "SUSPENDED")
	people.place("user-kicked", "MEMBER", "KICKED")
	people.place("user-900", "MEMBER", "LEFT")
	people.place("user-kicked-admin", "ADMIN", "KICKED")
	people.place("user-kicked-owner", "OWNER", "KICKED")
	people.place("user-left-admin", "ADMIN", "LEFT")
	people.place("user-left-owner", "OWNER", "LEFT")
}

func (m *matrixCaller) mustGet(user, route, want string) {
	m.t.Helper()
	got := m.ask(user, route)
	code := codeOf(user, route, want)
	if strconv.Itoa(got.Status) != want || got.Body.Code != code {
		m.t.Errorf("%s as %q: %d %s, want %s %s", route, user, got.Status, got.Raw, want, code)
	}
}

// ask sends the request of a column as a user; "" is a request without sign-in.
func (m *matrixCaller) ask(user, route string) answer {
	m.t.Helper()
	method, body := http.MethodGet, ""
	switch route {
	case "events":
		return m.subscribe(user)
	case "socket-join", "plain-join":
		return m.joinBySocket(user, route == "plain-join")
	case "start":
		method = http.MethodPost
	case "join", "leave":
		method, body = http.MethodPost, fmt.Sprintf(`{"sessionId":%q}`, m.session)
	case "sessions":
		route += "/" + m.session
	case "other-session":
		route = "sessions/unknown"
	case "own-stats":
		route = "stats/users/" + cmp.Or(user, "nobody")
	case "other-stats":
		route = "stats/users/user-once"
	}
	request, err := http.NewRequestWithContext(m.t.Context(), method,
		m.address+"/api/my-studies/study-123/video-call/"+route, strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	if user != "" {
		m.how.show(m.t, request, user)
	}
	got, err := send(m.client, request)
	if err != nil {
		m.t.Fatal(err)
	}
	return got
}
