package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Schema is the schema in which tables are where a URL names none. It is Prisma's default, too.
const Schema = "public"

// PrismaURL is a database's URL as Prisma writes it, made fit for every Postgres driver: Prisma knows parameters of its own,
// which Postgres would take for settings and refuse.
type PrismaURL struct {
	// Address is the URL without what only Prisma knows.
	Address string
	// Schema is the one that the URL names: "public" unless it names another.
	Schema string
	// Ignored are the names of the parameters that mean nothing here, in alphabetical order.
	Ignored []string
}

// errNoPostgres is about a URL for something else, such as Prisma's own proxy.
var errNoPostgres = errors.New("it has to be one like postgres://user:password@host:5432/database")

// errPooler is about a URL for PgBouncer in transaction mode, where no setting outlives a transaction.
var errPooler = errors.New("it has pgbouncer=true: give the URL of the database behind it, Prisma's directUrl")

// ParsePrismaURL reads a database's URL with or without Prisma's parameters. Of those it understands schema,
// connection_limit (the size of the pool), sslaccept and, where that is strict, sslcert, which is Prisma's word for the
// authority's certificate; with sslkey, sslcert is libpq's, the client's own. The errors are about a URL for something else
// than Postgres, and one of a pooler; none repeats the password. What is no URL at all is left as it is for the driver to
// judge.
func ParsePrismaURL(text string) (PrismaURL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "":
		return PrismaURL{Address: text, Schema: Schema}, nil //nolint:nilerr // the driver says it better
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		return PrismaURL{}, fmt.Errorf("%w, not %s://…", errNoPostgres, u.Scheme)
	}
	values := u.Query()
	if values.Get("pgbouncer") == "true" {
		return PrismaURL{}, errPooler
	}
	parsed := PrismaURL{Schema: Schema}
	if schema := values.Get("schema"); schema != "" {
		parsed.Schema = schema
	}
	if n, err := strconv.ParseInt(values.Get("connection_limit"), 10, 32); err == nil && n > 0 && !values.Has("pool_max_conns") {
		values.Set("pool_max_conns", strconv.FormatInt(n, 10))
	}
	ignored := []string{
		"max_connection_lifetime", "max_idle_connection_lifetime", "pool_timeout", "single_use_connections", "socket_timeout",
		"sslidentity", "statement_cache_size",
	}
	if !values.Has("sslkey") {
		ignored = append(ignored, "sslcert", "sslpassword") // of sslidentity, a bundle that no other driver reads
	}
	if values.Get("sslaccept") == "strict" {
		values.Set("sslmode", "verify-full")
		if authority := values.Get("sslcert"); authority != "" && !values.Has("sslkey") {
			values.Set("sslrootcert", authority)
			values.Del("sslcert")
		}
	}
	for _, name := range ignored {
		if values.Has(name) {
			parsed.Ignored = append(parsed.Ignored, name)
			values.Del(name)
		}
	}
	slices.Sort(parsed.Ignored)
	for _, understood := range []string{"schema", "connection_limit", "sslaccept", "pgbouncer"} {
		values.Del(understood)
	}
	u.RawQuery = strings.ReplaceAll(values.Encode(), "+", "%20") // as libpq, the driver takes a plus for a plus
	parsed.Address = u.String()
	return parsed, nil
}

// quoted is a schema as a search path.
func quoted(schema string) string { return pgx.Identifier{schema}.Sanitize() }
