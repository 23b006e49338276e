package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/migrations"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

func TestAnUnavailableDatabaseIsA503(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: starts a Postgres of its own, which takes 10 s")
	}
	cluster := postgrestest.Cluster(t)
	pool, err := postgres.Connect(t.Context(), cluster.URL())
	check.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = postgres.Migrate(t.Context(), pool, migrations.Files)
	check.NoError(t, err)
	s := newServerOver(t, pool)
	id := s.start()
	if got := s.send(noOne, "GET", "/ready", nil); got.status != http.StatusOK || !strings.Contains(got.body, `"sessions"`) {
		t.Errorf("before: /ready: %+v", got)
	}

	check.NoError(t, cluster.Close(t.Context()))

	for _, c := range []struct{ method, path, body string }{
		{"POST", "start", ""}, {"POST", "join", naming(id)}, {"POST", "leave", naming(id)},
		{"GET", "status", ""}, {"GET", "sessions/" + id, ""}, {"GET", "history", ""}, {"GET", "stats", ""},
		{"GET", "stats/users/" + owner, ""},
	} {
		got := s.ask(owner, c.method, c.path, c.body)
		refused(t, c.path, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", got)
		if got.header.Get("Retry-After") == "" {
			t.Errorf("%s: %+v", c.path, got)
		}
	}
	refused(t, "/ready", http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", s.send(noOne, "GET", "/ready", nil))
	if got := s.send(noOne, "GET", "/health", nil); got.status != http.StatusOK {
		t.Errorf("/health: %+v", got)
	}
	refused(t, "nobody", http.StatusUnauthorized, "AUTH_REQUIRED", s.ask(noOne, "GET", "status", ""))
}
