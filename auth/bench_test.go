package auth_test

import (
	"net/http"
	"strings"
	"testing"
)

// BenchmarkAuthenticate measures a request with two secrets in use and a cookie name of the web app's own.
func BenchmarkAuthenticate(b *testing.B) {
	s := recorded(b)
	n := s.nextAuth(b)
	cookies := func(name string) *http.Request {
		for _, c := range s.Cases {
			if c.Name == name {
				return withCookies("theme=dark; locale=ko; next-auth.csrf-token=abc%7Cdef; " + c.Cookies)
			}
		}
		b.Fatalf("no case %q", name)
		return nil
	}
	for _, bench := range []struct {
		name    string
		request *http.Request
		valid   bool
	}{
		{"v4", cookies("v4"), true},
		{"v4 of the previous secret", cookies("v4 of the previous secret"), true},
		{"v4 of 5 KB in chunks", cookies("v4 in two chunks"), true},
		{"v4 as bearer", withBearer(s.token(b, "v4")), true},
		{"v5", cookies("v5"), true},
		{"v5 as bearer", withBearer(s.token(b, "v5")), true},
		{"expired", cookies("expired"), false},
		{"another secret", cookies("another secret"), false},
		{"another algorithm", cookies("A128GCM"), false},
		{"a million bytes", withBearer(strings.Repeat("A", 1<<20)), false},
		{"nothing", &http.Request{}, false},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := n.Authenticate(bench.request); (err == nil) != bench.valid {
					b.Fatal(err)
				}
			}
		})
	}
}
