package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Schema is the schema of the tables if a URL names none. It is Prisma's default, too.
const Schema = "public"

// PrismaURL is a Prisma database URL, converted for Postgres drivers: Postgres would take Prisma's own parameters for settings and
// refuse them.
type PrismaURL struct {
	// Address is the URL without Prisma's parameters.
	Address string
	// Schema is the schema that the URL names, "public" if it names none.
	Schema string
	// Ignored are the names of the parameters without effect, in alphabetical order.
	Ignored []string
}

// errPooler refuses PgBouncer in transaction mode, where no setting outlives a transaction.
var errPooler = errors.New("it has pgbouncer=true: give the URL of the database behind it, Prisma's directUrl")

// ParsePrismaURL reads a database URL with or without Prisma's parameters. It applies schema, connection_limit (the size of the pool),
// sslaccept and, if that is strict, sslcert, which in Prisma is the certificate of the authority; with sslkey, sslcert is libpq's, the
// client's own. It refuses URLs of other databases and of a pooler, without repeating the password. A text that is no URL is returned
// unchanged, and the driver refuses it.
func ParsePrismaURL(text string) (PrismaURL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "":
		return PrismaURL{Address: text, Schema: Schema}, nil //nolint:nilerr // the driver has the better message
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		// Also one of Prisma's own proxy.
		return PrismaURL{}, fmt.Errorf("it must be one like postgres://user:password@host:5432/database, not %s://…", u.Scheme)
	}
	values := u.Query()
	if values.Get("pgbouncer") == "true" {
		return PrismaURL{}, errPooler
	}
	parsed := PrismaURL{Schema: cmp.Or(values.Get("schema"), Schema)}
	if n, err := strconv.ParseInt(values.Get("connection_limit"), 10, 32); err == nil && n > 0 && !values.Has("pool_max_conns") {
		values.Set("pool_max_conns", strconv.FormatInt(n, 10))
	}
	ignored := []string{
		"max_connection_lifetime", "max_idle_connection_lifetime", "pool_timeout", "single_use_connections", "socket_timeout",
		"sslidentity", "statement_cache_size",
	}
	if !values.Has("sslkey") {
		ignored = append(ignored, "sslcert", "sslpassword") // of sslidentity, a file that no other driver reads
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
	for _, applied := range []string{"schema", "connection_limit", "sslaccept", "pgbouncer"} {
		values.Del(applied)
	}
	u.RawQuery = strings.ReplaceAll(values.Encode(), "+", "%20") // the driver and libpq do not read a plus as a space
	parsed.Address = u.String()
	return parsed, nil
}
