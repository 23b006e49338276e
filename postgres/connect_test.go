package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestConnectAppliesDefaultsURLAndOptions(t *testing.T) {
	t.Parallel()
	url := postgrestest.Empty(t)
	for name, each := range map[string]struct {
		url     string
		options []postgres.Option
		conns   int32
		app     string
	}{
		"defaults":     {url, nil, 16, "studycall"},
		"from the URL": {url + "&pool_max_conns=3&application_name=other", nil, 3, "other"},
		"from options": {url, []postgres.Option{postgres.WithMaxConns(2), postgres.WithApplicationName("test")}, 2, "test"},
	} {
		pool, err := postgres.Connect(t.Context(), each.url, each.options...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var app string
		if err := pool.QueryRow(t.Context(), "show application_name").Scan(&app); err != nil {
			t.Fatal(err)
		}
		if got := pool.Config().MaxConns; got != each.conns || app != each.app {
			t.Errorf("%s: got %d connections for %q, want %d for %q", name, got, app, each.conns, each.app)
		}
		pool.Close()
	}
}

func TestConnectErrorsNameTheRemedy(t *testing.T) {
	t.Parallel()
	url := postgrestest.Empty(t)
	missing, _, _ := strings.Cut(url, "/test_")
	_, query, _ := strings.Cut(url, "?")
	for name, each := range map[string]struct {
		url  string
		want []string
	}{
		"empty":       {" ", []string{"empty", "postgres://"}},
		"not a URL":   {"postgres://user:secret@host:port/", []string{"is invalid", "postgres://user:password@", "invalid port"}},
		"a word":      {"foo", []string{"the database URL is invalid: it must be one like postgres://user:password@"}},
		"another's":   {"mysql://user:secret@host/calls", []string{"the database URL is invalid: it must be one like postgres://user:password@"}},
		"no server":   {"postgres://user:secret@127.0.0.1:1/calls", []string{`"calls"`, "127.0.0.1:1", "is Postgres running?"}},
		"two hosts":   {"postgres://user:secret@127.0.0.1:1,127.0.0.1:2/calls?sslmode=prefer", []string{"127.0.0.1:1: connect: connection refused; dial tcp 127.0.0.1:2: connect", "is Postgres running?"}},
		"no host":     {"postgres://user:secret@nowhere.invalid/calls", []string{"nowhere.invalid:5432", "lookup nowhere.invalid"}},
		"no socket":   {"postgres://user@/calls?host=/nonexistent", []string{"on the socket in /nonexistent", "is Postgres running?"}},
		"no database": {missing + "/not_there?" + query, []string{`"not_there"`, "create the database"}},
	} {
		_, err := postgres.Connect(t.Context(), each.url)
		if err == nil {
			t.Errorf("%s: connected", name)
			continue
		}
		for _, want := range each.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %q, want it to mention %q", name, err, want)
			}
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the password is in %q", name, err)
		}
		if strings.Contains(err.Error(), "\n") || strings.Count(err.Error(), "127.0.0.1:1: connect") > 1 {
			t.Errorf("%s: more than one line, or a repeated reason: %q", name, err)
		}
	}
}

// Prisma writes its schema into the URL. Our tables are in public, the default.
func TestConnectAcceptsAPrismaURLForSchemaPublicOnly(t *testing.T) {
	t.Parallel()
	url := postgrestest.Empty(t)
	pool, err := postgres.Connect(t.Context(), url+"&schema=public&connection_limit=3&pool_timeout=0")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var path string
	if err := pool.QueryRow(t.Context(), "show search_path").Scan(&path); err != nil || path != `"public"` || pool.Config().MaxConns != 3 {
		t.Errorf("search_path %s, %v; %d connections", path, err, pool.Config().MaxConns)
	}
	_, err = postgres.Connect(t.Context(), url+"&schema=calls")
	if !errors.Is(err, postgres.ErrURL) || !strings.Contains(err.Error(), "without schema=calls: ") || !strings.Contains(err.Error(), "remove that parameter") {
		t.Errorf("another schema: %v", err)
	}
	if _, err = postgres.Connect(t.Context(), url+"&pgbouncer=true"); !errors.Is(err, postgres.ErrURL) || !strings.Contains(err.Error(), "directUrl") {
		t.Errorf("a pooler: %v", err)
	}
}

// Prisma and libpq use the same parameters with different meanings.
func TestParsePrismaURLConvertsCertificateParameters(t *testing.T) {
	t.Parallel()
	const host = "postgres://user:secret@db.example.com/app?"
	for given, want := range map[string]string{
		"sslmode=require&sslcert=ca.pem":                                  "sslmode=require",
		"sslaccept=strict&sslcert=ca.pem":                                 "sslmode=verify-full&sslrootcert=ca.pem",
		"sslaccept=accept_invalid_certs&sslidentity=c.p12&sslpassword=pw": "",
		"sslcert=client.crt&sslkey=client.key&sslpassword=pw":             "sslcert=client.crt&sslkey=client.key&sslpassword=pw",
		"sslaccept=strict&sslcert=client.crt&sslkey=client.key":           "sslcert=client.crt&sslkey=client.key&sslmode=verify-full",
		"options=-c+geqo%3Doff":                                           "options=-c%20geqo%3Doff",
	} {
		got, err := postgres.ParsePrismaURL(host + given)
		if err != nil || got.Address != strings.TrimSuffix(host+want, "?") {
			t.Errorf("%s: %+v, %v, want %s", given, got, err, want)
		}
	}
}
