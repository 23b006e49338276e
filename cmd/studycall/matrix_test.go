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

// proof is a way in which a user shows who they are.
type proof struct {
	name string
	args []string // of the program that takes it
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

// The matrix's columns: in which order each caller asks. The first word is the route; sessions are the open one's. The last
// three are the doors of the sockets: the feed of events, and joining the room over Socket.IO and over a plain WebSocket.
const matrixRoutes = "start status history stats sessions other-session other-stats own-stats join join leave leave events socket-join plain-join"

// The matrix, as the contract's table of routes has it. A session is open, in which a steward stays, so that nobody's
// leave ends it; whoever was ever a member has joined it before and left, but for PENDING, who could not.
func matrix() map[string]string {
	const (
		unknown  = "401 401 401 401 401 401 401 401 401 401 401 401 401 401 401"
		stranger = "403 403 403 403 403 403 403 404 403 403 404 404 403 403 403" // own-stats: never was a member
		former   = "403 403 403 403 403 403 403 200 403 403 200 200 403 403 403" // may see their own past, and leave
	)
	return map[string]string{
		"":                  unknown,
		"user-unknown":      unknown,
		"user-suspended":    unknown,
		"user-deleted":      unknown,
		"user-555":          stranger,
		"user-pending":      "403 403 403 403 403 403 403 200 403 403 404 404 403 403 403",
		"user-kicked":       former,
		"user-kicked-admin": former, // a role is nothing without its membership
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

// codeOf is the code that belongs to a refusal of the matrix.
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

// TestEveryRouteForEverybody: on the real program, with every kind of proof, over our own tables and over the web app's.
func TestEveryRouteForEverybody(t *testing.T) {
	t.Parallel()
	for _, how := range proofs() {
		for name, where := range map[string]func(*testing.T) *registry{"our tables": ourRegistry, "the web app's tables": webRegistry} {
			t.Run(how.name+", "+name, func(t *testing.T) {
				t.Parallel()
				people := where(t)
				args := slices.Concat(people.args, how.args)
				m := &asking{t: t, how: how, client: newClient(t), address: serveHere(t, io.Discard, nil, args...)}
				m.populate(people)
				// Another one, which never knew anybody as what they were before.
				m.address = serveHere(t, io.Discard, nil, args...)
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

// asking asks one program, with one kind of proof.
type asking struct {
	t       *testing.T
	how     proof
	client  *http.Client
	address string
	session string
}

// populate has everybody join the session and leave it who once could, and then makes them what they are in the matrix.
func (m *asking) populate(people *registry) {
	m.t.Helper()
	once := map[string]string{ // roles
		"user-steward": "MEMBER", "user-suspended": "MEMBER", "user-kicked": "MEMBER", "user-once": "MEMBER", "user-900": "MEMBER",
		"user-789": "MEMBER", "user-100": "ADMIN", "user-456": "OWNER", "user-kicked-admin": "ADMIN", "user-kicked-owner": "OWNER",
		"user-left-admin": "ADMIN", "user-left-owner": "OWNER",
	}
	for user, role := range once {
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
	for user := range once {
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

func (m *asking) mustGet(user, route, want string) {
	m.t.Helper()
	got := m.ask(user, route)
	code := codeOf(user, route, want)
	if strconv.Itoa(got.Status) != want || got.Body.Code != code {
		m.t.Errorf("%s of %q: %d %s, want %s %s", route, user, got.Status, got.Raw, want, code)
	}
}

// ask asks a route of the matrix as a user, "" for nobody.
func (m *asking) ask(user, route string) answer {
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
