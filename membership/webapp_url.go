package membership

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/postgres"
)

// errNoPostgres is about a URL for something else, such as Prisma's own proxy.
var errNoPostgres = errors.New("it has to be one like postgres://user:password@host:5432/database")

// errPooler is about a URL for PgBouncer in transaction mode, through which connections cannot be made read-only.
var errPooler = errors.New("it has pgbouncer=true: give the URL of the database behind it, Prisma's directUrl")

// CheckURL says, without connecting, what Open would about a URL of the web app's database that cannot be used. The message
// fits behind the flag's name, in one line and without the password.
func CheckURL(text string) error {
	address, err := webAppURL(text)
	if err != nil {
		return err
	}
	return postgres.CheckURL(address)
}

// webAppURL turns the web app's database URL, as its environment has it, into one that every Postgres driver reads: Prisma
// knows parameters of its own, which Postgres would take for settings and refuse. Whatever is not a URL is left for the
// driver to judge, whose errors keep passwords out.
func webAppURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "":
		return text, nil //nolint:nilerr // the driver says it better
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		return "", fmt.Errorf("%w, not %s://…", errNoPostgres, u.Scheme)
	}
	values := u.Query()
	if values.Get("pgbouncer") == "true" {
		return "", errPooler
	}
	if schema := values.Get("schema"); schema != "" {
		values.Set("search_path", pgx.Identifier{schema}.Sanitize())
	}
	if n, err := strconv.ParseInt(values.Get("connection_limit"), 10, 32); err == nil && n > 0 && !values.Has("pool_max_conns") {
		values.Set("pool_max_conns", strconv.FormatInt(n, 10))
	}
	if values.Get("sslaccept") == "strict" {
		values.Set("sslmode", "verify-full")
	}
	for _, name := range []string{"schema", "connection_limit", "sslaccept", "pgbouncer", "pool_timeout", "socket_timeout", "statement_cache_size"} {
		values.Del(name)
	}
	u.RawQuery = strings.ReplaceAll(values.Encode(), "+", "%20") // as libpq, the driver takes a plus for a plus
	return u.String(), nil
}
