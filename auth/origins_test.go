package auth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/studycall/studycall/auth"
)

func origins(tb testing.TB, list string) *auth.Origins {
	tb.Helper()
	o, err := auth.ParseOrigins(list)
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

func TestOnlyListedOriginsAreListed(t *testing.T) {
	t.Parallel()
	o := origins(t, "https://app.example.com, http://localhost:3000,http://[::1]:3000")
	for origin, listed := range map[string]bool{
		"https://app.example.com": true, "http://localhost:3000": true, "http://[::1]:3000": true,
		"http://app.example.com": false, "https://app.example.com:8443": false, "https://example.com": false,
		"https://app.example.com.evil.test": false, "https://evil.test": false, "HTTPS://APP.EXAMPLE.COM": false,
		"http://localhost": false, "null": false, "": false, "*": false,
	} {
		if got := o.Listed(origin); got != listed {
			t.Errorf("%q: listed %v", origin, got)
		}
	}
	for _, none := range []*auth.Origins{nil, origins(t, ""), origins(t, " ")} {
		if none.Listed("") || none.Listed("https://app.example.com") {
			t.Error("an empty list lists something")
		}
	}
}

func TestTextsThatAreNoOrigins(t *testing.T) {
	t.Parallel()
	for list, says := range map[string]string{
		"*":                                   "without *",
		"https://*.example.com":               "without *",
		"https://app.example.com,":            "is empty",
		",":                                   "is empty",
		"app.example.com":                     "not an origin like",
		"localhost:3000":                      "not an origin like",
		"null":                                "not an origin like",
		"https://":                            "not an origin like",
		"https://:3000":                       "not an origin like",
		"https://user:pw@app.example.com":     "not an origin like",
		"ftp://app.example.com":               "not an origin like",
		"https://app.example.com:port":        "not an origin like",
		"https://app.example.com/":            "write https://app.example.com",
		"https://app.example.com/path":        "write https://app.example.com",
		"https://app.example.com?a":           "write https://app.example.com",
		"https://app.example.com#a":           "write https://app.example.com",
		"https://App.Example.com":             "write https://app.example.com",
		"HTTPS://app.example.com":             "write https://app.example.com",
		"https://app.example.com:443":         "write https://app.example.com",
		"http://app.example.com:80":           "write http://app.example.com",
		"http://app.example.com:":             "write http://app.example.com",
		"https://스터디.example.com":             "ASCII",
		"https://a.example.com https://b.com": "not an origin like",
	} {
		o, err := auth.ParseOrigins(list)
		if err == nil || !strings.Contains(err.Error(), says) || o != nil {
			t.Errorf("%q: %v, want an error with %q", list, err, says)
		}
	}
}

func TestWhichPagesAreTrusted(t *testing.T) {
	t.Parallel()
	o := origins(t, "https://app.example.com")
	for _, c := range []struct {
		site, origin string
		trusted      bool
	}{
		{"", "", true}, // no browser
		{"same-origin", "", true},
		{"same-origin", "https://calls.example.org", true},
		{"same-site", "https://other.example.org", true},
		{"none", "", true},
		{"cross-site", "", false},
		{"cross-site", "null", false},
		{"cross-site", "https://evil.test", false},
		{"cross-site", "https://calls.example.org", false},
		{"cross-site", "https://app.example.com", true},
		{"something new", "", false},
		{"", "https://app.example.com", true},
		{"", "https://calls.example.org", true},
		{"", "https://evil.test", false},
		{"", "https://calls.example.org.evil.test", false},
		{"", "https://calls.example.org:8443", false},
		{"", "null", false},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := &http.Request{Method: method, Host: "calls.example.org", URL: &url.URL{Path: "/"}, Header: http.Header{}}
			if c.site != "" {
				r.Header.Set("Sec-Fetch-Site", c.site)
			}
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			if got := o.Trust(r); got != c.trusted {
				t.Errorf("%s, Sec-Fetch-Site %q, Origin %q: trusted %v", method, c.site, c.origin, got)
			}
			if got := (*auth.Origins)(nil).Trust(r); got != (c.trusted && c.origin != "https://app.example.com") {
				t.Errorf("%s, Sec-Fetch-Site %q, Origin %q: trusted %v by no list", method, c.site, c.origin, got)
			}
		}
	}
}

// Each value of a repeated header counts. Referer counts only without Sec-Fetch-Site and Origin.
func TestEveryValueOfAHeaderCountsAndRefererIsTheLastResort(t *testing.T) {
	t.Parallel()
	o := origins(t, "https://app.example.com")
	const own, listed, evil = "https://calls.example.org", "https://app.example.com", "https://evil.test"
	for name, c := range map[string]struct {
		header  http.Header
		trusted bool
	}{
		"two sites, the second another":      {http.Header{"Sec-Fetch-Site": {"same-origin", "cross-site"}}, false},
		"two sites, both ours":               {http.Header{"Sec-Fetch-Site": {"none", "same-site"}}, true},
		"two sites in one":                   {http.Header{"Sec-Fetch-Site": {"same-origin, cross-site"}}, false},
		"an empty one beside":                {http.Header{"Sec-Fetch-Site": {"same-origin", ""}}, false},
		"two sites, and a listed origin":     {http.Header{"Sec-Fetch-Site": {"same-origin", "cross-site"}, "Origin": {listed}}, true},
		"two origins, the second another's":  {http.Header{"Origin": {listed, evil}}, false},
		"two origins, both fine":             {http.Header{"Origin": {listed, own}}, true},
		"a referer of ours":                  {http.Header{"Referer": {own + "/calls?x=y"}}, true},
		"a referer of a listed origin":       {http.Header{"Referer": {listed + "/study/1"}}, true},
		"a referer of another site":          {http.Header{"Referer": {evil + "/" + own}}, false},
		"a referer with our name in its own": {http.Header{"Referer": {own + ".evil.test/"}}, false},
		"a referer with our name as a user":  {http.Header{"Referer": {own + "@evil.test/"}}, false},
		"a referer that is none":             {http.Header{"Referer": {"about:blank"}}, false},
		"two referers":                       {http.Header{"Referer": {own + "/", evil + "/"}}, false},
		"Origin counts before Referer":       {http.Header{"Origin": {own}, "Referer": {evil + "/"}}, true},
		"and so does its refusal":            {http.Header{"Origin": {evil}, "Referer": {own + "/"}}, false},
		"and the site":                       {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Referer": {own + "/"}}, false},
	} {
		r := &http.Request{Method: http.MethodPost, Host: "calls.example.org", URL: &url.URL{Path: "/"}, Header: c.header}
		if got := o.Trust(r); got != c.trusted {
			t.Errorf("%s: trusted %v", name, got)
		}
	}
}

// FuzzOrigins checks that a list with one accepted element lists exactly that origin.
func FuzzOrigins(f *testing.F) {
	for _, list := range []string{"", "*", "https://app.example.com", "http://[::1]:3000,https://b.example", "https://a/", "http://%zz", "https://a:80"} {
		f.Add(list, "https://evil.test")
	}
	f.Fuzz(func(t *testing.T, list, origin string) {
		o, err := auth.ParseOrigins(list)
		if err != nil {
			return
		}
		named := false
		for each := range strings.SplitSeq(list, ",") {
			each = strings.TrimSpace(each)
			named = named || each == origin && each != ""
			if u, err := url.Parse(each); each != "" && (err != nil || u.Scheme+"://"+u.Host != each || !o.Listed(each)) {
				t.Errorf("%q was taken for an origin", each)
			}
		}
		if o.Listed(origin) != named {
			t.Errorf("%q lists %q: %v", list, origin, !named)
		}
		r := &http.Request{Host: "calls.example.org", Header: http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {origin}}}
		if o.Trust(r) != named {
			t.Errorf("%q trusts %q: %v", list, origin, !named)
		}
	})
}
