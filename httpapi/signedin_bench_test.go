package httpapi_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/httpapi"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/pacing"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// quiet answers queries of a study without sessions at no cost, so that the benchmark shows the rest.
type quiet struct{}

func (quiet) Open(context.Context, string) (domain.Session, int64, error) {
	return domain.Session{}, 0, nil
}

func (quiet) Session(context.Context, string, string) (domain.Session, int64, error) {
	return domain.Session{}, 0, domain.ErrSessionNotFound
}

func (quiet) WaitFor(context.Context, int64) error { return nil }

// BenchmarkSignedIn measures what sign-in and authorization add to GET status through the whole handler. It alternates between a
// handler with a NextAuth cookie, cached lookups of account and membership, and limits per user and address, and a handler that
// trusts a header, admits everybody and has no limits.
//
// The result is added-µs, the difference of the medians. It must not exceed 150.
func BenchmarkSignedIn(b *testing.B) {
	const secret = "the secret of the benchmark, long enough"
	pool := postgrestest.New(b)
	_, err := membership.SeedExample(b.Context(), pool)
	check.NoError(b, err)
	cached, err := membership.NewCached(membership.NewTables(pool), membership.DefaultCacheSettings(slog.New(slog.DiscardHandler)))
	check.NoError(b, err)
	nextAuth, err := auth.NewNextAuth([]string{secret, "the previous one"}, "", time.Now)
	check.NoError(b, err)
	token, err := auth.Mint(secret, auth.Session{
		UserID: member, Name: "이영희", Email: "younghee@example.com", Picture: "https://example.com/avatars/user-789.png",
	}, time.Now(), time.Hour)
	check.NoError(b, err)

	plenty := pacing.Rate{PerSecond: 1e6, Burst: 1e6}
	with := guard(b, httpapi.Security{Origins: listed(b, "https://app.example.com"), PerUser: plenty, PerAddress: plenty},
		func(c *setup) {
			c.Sessions, c.Authenticator, c.Access, c.Now = quiet{}, nextAuth, membership.NewAccess(cached), time.Now
		})
	without := guard(b, httpapi.Security{}, func(c *setup) { c.Sessions = quiet{} })
	request := func(name, value string) *http.Request {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, calls+"status", nil)
		r.Header.Set(name, value)
		r.Header.Set("Origin", "https://app.example.com")
		return r
	}
	signedIn := request("Cookie", "theme=dark; locale=ko; "+auth.DefaultCookie+"="+token)
	named := request(auth.DevHeader, member)

	serve := func(handler http.Handler, r *http.Request) time.Duration {
		recorder := httptest.NewRecorder()
		began := time.Now()
		handler.ServeHTTP(recorder, r)
		took := time.Since(began)
		if recorder.Code != http.StatusOK {
			b.Fatal(recorder.Code, recorder.Body)
		}
		return took
	}
	serve(with, signedIn) // warms the cache
	var timesWith, timesWithout []time.Duration
	for b.Loop() {
		timesWith = append(timesWith, serve(with, signedIn))
		timesWithout = append(timesWithout, serve(without, named))
	}
	slices.Sort(timesWith)
	slices.Sort(timesWithout)
	micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
	median, medianWithout := micros(timesWith[len(timesWith)/2]), micros(timesWithout[len(timesWithout)/2])
	b.ReportMetric(0, "ns/op") // the mean of both together says nothing
	b.ReportMetric(median, "with-µs")
	b.ReportMetric(medianWithout, "without-µs")
	b.ReportMetric(median-medianWithout, "added-µs")
	b.ReportMetric(micros(timesWith[len(timesWith)*99/100]), "with-p99-µs")
}
