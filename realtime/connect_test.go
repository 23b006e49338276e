package realtime_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/presence"
	"github.com/studycall/studycall/realtime"
	"github.com/studycall/studycall/realtime/realtimetest"
)

const secret = "a secret that both sides know"

// signedIn configures the sign-in of production.
func signedIn(t *testing.T, origins string) tune {
	t.Helper()
	nextAuth, err := auth.NewNextAuth([]string{secret}, "", time.Now)
	check.NoError(t, err)
	listed, err := auth.ParseOrigins(origins)
	check.NoError(t, err)
	return func(c *realtime.Config, _ *presence.Settings, _ *commands.Settings) {
		c.Authenticator, c.Origins = nextAuth, listed
	}
}

func token(t *testing.T, user string) string {
	t.Helper()
	minted, err := auth.Mint(secret, auth.Session{UserID: user}, time.Now(), time.Hour)
	check.NoError(t, err)
	return minted
}

func TestOnlyAuthenticatedUsersMayConnect(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server(signedIn(t, "https://app.example.com"))
	cookie := func(user string, more ...string) http.Header {
		h := http.Header{"Cookie": {auth.DefaultCookie + "=" + token(t, user)}}
		for i := 0; i < len(more); i += 2 {
			h.Set(more[i], more[i+1])
		}
		return h
	}
	type authPayload = map[string]string
	for name, c := range map[string]struct {
		auth    authPayload
		header  http.Header
		refused string // the reason; "" if the client is admitted
	}{
		"a cookie":                               {nil, cookie("kim"), ""},
		"a cookie and its user's id":             {authPayload{"userId": "kim"}, cookie("kim"), ""},
		"a token":                                {authPayload{"userId": "kim", "token": token(t, "kim")}, nil, ""},
		"a bad token beside a cookie":            {authPayload{"token": "stale"}, cookie("kim"), ""},
		"a cookie from a listed origin":          {nil, cookie("kim", "Origin", "https://app.example.com"), ""},
		"a cookie from the same site":            {nil, cookie("kim", "Origin", "https://other.example.com", "Sec-Fetch-Site", "same-site"), ""},
		"a token from anywhere":                  {authPayload{"token": token(t, "kim")}, cookie("lee", "Origin", "https://evil.example"), ""},
		"a cookie from another site's page":      {nil, cookie("kim", "Origin", "https://evil.example"), "Authentication"},
		"a cookie from a cross-site fetch":       {nil, cookie("kim", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"), "Authentication"},
		"nothing":                                {nil, nil, "Authentication"},
		"a mere name":                            {authPayload{"userId": "kim"}, nil, "Authentication"},
		"a name and development's header":        {authPayload{"userId": "kim"}, http.Header{"X-User-Id": {"kim"}}, "Authentication"},
		"a cookie, and another's name":           {authPayload{"userId": "lee"}, cookie("kim"), "Authentication"},
		"a token, and another's name":            {authPayload{"userId": "lee", "token": token(t, "kim")}, nil, "Authentication"},
		"a token of another secret":              {authPayload{"token": "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAA.AAAA.AAAA"}, nil, "Authentication"},
		"a deleted user":                         {nil, cookie("nobody"), "User not found"},
		"an account that may not be used":        {nil, cookie("frozen"), "User status is SUSPENDED"},
		"an account that may not be used, token": {authPayload{"userId": "frozen", "token": token(t, "frozen")}, nil, "User status is SUSPENDED"},
	} {
		for _, plain := range []bool{false, true} {
			client, err := realtimetest.Dial(t, server.url, realtimetest.Options{Auth: c.auth, Header: c.header, Plain: plain})
			switch {
			case err == nil && c.refused != "":
				t.Errorf("%s (plain %t): is admitted", name, plain)
			case err == nil:
				client.Drop()
			case c.refused == "":
				t.Errorf("%s (plain %t): %v", name, plain, err)
			case plain:
				if refused := refusal(t, err); refused.Status != http.StatusUnauthorized {
					t.Errorf("%s (plain): %v", name, refused)
				}
			default:
				if refused := refusal(t, err); !strings.Contains(refused.Message, c.refused) {
					t.Errorf("%s: %v, want %q", name, refused, c.refused)
				}
			}
		}
	}
}

func TestDevelopmentSignInAcceptsLocalPagesOnly(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server(func(c *realtime.Config, _ *presence.Settings, _ *commands.Settings) {
		c.Authenticator = auth.Dev{}
	})
	for name, c := range map[string]struct {
		header http.Header
		in     bool
	}{
		"no browser":          {nil, true},
		"a page of ours":      {http.Header{"Origin": {"http://localhost:3000"}, "Sec-Fetch-Site": {"same-site"}}, true},
		"another site's page": {http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}, false},
		"a rebound name":      {http.Header{"Host": {"evil.example"}, "Origin": {"http://evil.example"}}, false},
	} {
		for _, plain := range []bool{false, true} {
			client, err := realtimetest.Dial(t, server.url,
				realtimetest.Options{Auth: map[string]string{"userId": "kim"}, Header: c.header, Plain: plain})
			if (err == nil) != c.in {
				t.Errorf("%s (plain %t): %v", name, plain, err)
			}
			if err == nil {
				client.Drop()
			}
		}
	}
}

func TestErrorsAreInTheClientsLanguage(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server()
	for header, want := range map[string]string{
		"":               `{"ok":false,"code":"NOT_STUDY_MEMBER","message":"스터디 멤버가 아닙니다."}`,
		"en-US,en;q=0.9": `{"ok":false,"code":"NOT_STUDY_MEMBER","message":"You are not a member of this study."}`,
	} {
		for _, plain := range []bool{false, true} {
			c := realtimetest.Connect(t, server.url, realtimetest.Options{
				Auth: map[string]string{"userId": "stranger"}, Header: http.Header{"Accept-Language": {header}}, Plain: plain,
			})
			if got := string(c.Ask("video:join-room", inRoom)); got != want {
				t.Errorf("%q: %s, want %s", header, got, want)
			}
		}
	}
}
