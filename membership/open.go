package membership

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/postgres"
)

// webAppConns is the size of the pool for the web app's database, unless its URL names one. The database has other users, and the
// cache leaves few queries.
const webAppConns = 8

// Source is the Directory that a program uses, with its description.
type Source struct {
	Directory
	// Ours says that the users and studies are in our own tables. Only then is it useful to fill those.
	Ours bool
	// Description names the tables in a few words, without secrets.
	Description string
	// Warnings are warnings for the operator, each in a sentence: see WebApp.Check.
	Warnings []string
	// Ignored are the parameters of the URL that have no effect. See postgres.PrismaURL.
	Ignored []string

	close func()
}

// Open chooses the directory. With the URL of the web app's database, it is the web app's tables in that database, over read-only
// connections of its own. Without a URL (""), it is the web app's tables in our own database if that has a table "StudyMember",
// otherwise our own tables. The pool is that of our migrated database; Open does not close it.
//
// The web app's tables are checked: see WebApp.Check. Other errors are the database's, without its password. The caller closes the
// source after the last lookup.
func Open(ctx context.Context, pool *pgxpool.Pool, webAppsURL string) (*Source, error) {
	if webAppsURL != "" {
		return openWebApp(ctx, webAppsURL)
	}
	exists, err := HasWebApp(ctx, pool)
	switch {
	case err != nil:
		return nil, err
	case exists:
		return (&Source{Description: "the web app's tables in our own database", close: func() {}}).checked(ctx, pool)
	default:
		return &Source{Directory: NewTables(pool), Ours: true, Description: "our own tables", close: func() {}}, nil
	}
}

func openWebApp(ctx context.Context, webAppsURL string) (*Source, error) {
	parsed, err := postgres.ParsePrismaURL(webAppsURL)
	if err != nil {
		return nil, fmt.Errorf("the web app's database (--membership-url): %w", err)
	}
	options := []postgres.Option{readOnly, postgres.WithSchema(parsed.Schema)}
	if !strings.Contains(parsed.Address, "pool_max_conns") {
		options = append(options, postgres.WithMaxConns(webAppConns))
	}
	pool, err := postgres.Connect(ctx, parsed.Address, options...)
	if err != nil {
		return nil, fmt.Errorf("open the web app's database (--membership-url): %w", err)
	}
	source := &Source{
		Description: "the web app's " + describe(pool) + ", schema " + parsed.Schema + ", read-only",
		Ignored:     parsed.Ignored, close: pool.Close,
	}
	return source.checked(ctx, pool)
}

// checked makes the web app's tables the source's directory if they can be read. Otherwise it closes the source.
func (s *Source) checked(ctx context.Context, pool *pgxpool.Pool) (_ *Source, err error) {
	app := NewWebApp(pool)
	if s.Warnings, err = app.Check(ctx); err != nil {
		s.close()
		return nil, err
	}
	s.Directory = app
	return s, nil
}

// readOnly makes Postgres refuse every write.
func readOnly(config *pgxpool.Config) {
	config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
}

// Close closes the connections that Open made.
func (s *Source) Close() { s.close() }

// HasWebApp reports whether the database has the web app's tables, which Open then uses. The error is the database's.
func HasWebApp(ctx context.Context, pool *pgxpool.Pool) (exists bool, err error) {
	if err := pool.QueryRow(ctx, `select to_regclass('"StudyMember"') is not null`).Scan(&exists); err != nil {
		return false, fmt.Errorf("look for the web app's tables: %w", err)
	}
	return exists, nil
}

// CheckURL returns the error with which Open would refuse the URL of the web app's database, without connecting. The message fits
// behind the flag's name, in one line and without the password.
func CheckURL(text string) error {
	parsed, err := postgres.ParsePrismaURL(text)
	if err != nil {
		return err
	}
	return postgres.CheckURL(parsed.Address)
}

// webColumnsSQL returns what is wrong with the columns that WebApp reads: a missing table (once a column), a missing column, one
// that this user may not read, one of a type that does not fit. A domain counts as its base type. An id is compared with our ids
// byte by byte: citext equates "A" and "a", char(n) pads, and a uuid refuses most texts. A text is displayed unchanged. An
// enumeration is one of a few words.
const webColumnsSQL = `
	select problem
	from (values
		(1, 'User', 'id', 'text or varchar'), (2, 'User', 'name', 'a text'), (3, 'User', 'email', 'a text'),
		(4, 'User', 'avatar', 'a text'), (5, 'User', 'status', 'an enumeration, text or varchar'),
		(6, 'Study', 'id', 'text or varchar'),
		(7, 'StudyMember', 'studyId', 'text or varchar'), (8, 'StudyMember', 'userId', 'text or varchar'),
		(9, 'StudyMember', 'role', 'an enumeration, text or varchar'), (10, 'StudyMember', 'status', 'an enumeration, text or varchar')
	) as wanted (n, tab, col, kind)
	cross join lateral (select to_regclass(quote_ident(tab)) as at, format('column "%s"."%s"', tab, col) as name) named
	left join pg_attribute a on a.attrelid = at and a.attname = col and a.attnum > 0 and not a.attisdropped
	left join pg_type t on t.oid = a.atttypid
	left join pg_type base on base.oid = case t.typtype when 'd' then t.typbasetype else t.oid end
	cross join lateral (select case
		when at is null then format('table "%s" is missing', tab)
		when a.attnum is null then name || ' is missing'
		when not has_column_privilege(at, a.attnum, 'select') then name || ' may not be read'
		when case kind
			when 'a text' then t.typcategory <> 'S'
			else base.typname not in ('text', 'varchar') and (kind = 'text or varchar' or base.typtype <> 'e')
		end then format('%s is of type %s, not %s', name, format_type(a.atttypid, a.atttypmod), kind)
	end as problem) checked
	where problem is not null
	order by n`

// webRowsSQL returns the tables with row level security for this user, and whether any policy shows some rows.
const webRowsSQL = `
	select tab, exists (
		select from pg_policy
		where polrelid = at and polpermissive and polcmd in ('r', '*')
		  and (polroles = '{0}' or exists (select from unnest(polroles) as role where pg_has_role(role, 'usage'))))
	from (select n, tab, to_regclass(quote_ident(tab)) as at
	      from unnest($1::text[]) with ordinality as w (tab, n)) wanted
	where at is not null and row_security_active(at)
	order by n`

// Check returns an error if WebApp cannot read the web app's tables. The error names every table and column that is missing, not
// readable, without visible rows or of a wrong type, and the remedy. Other errors are the database's. Warnings name tables whose
// policies may hide some rows from this user: a hidden user or member counts as not existing.
func (w *WebApp) Check(ctx context.Context) (warnings []string, err error) {
	problems, warnings, err := w.problems(ctx)
	if err == nil && len(problems) > 0 {
		config := w.pool.Config().ConnConfig
		return nil, fmt.Errorf("the web app's tables cannot be read in %s, schema %s, as user %q: %s. Name the database that the web app's migrations have made (with Prisma's ?schema= if it uses one), "+
			`and let the user read it: grant usage on its schema, grant select on "User", "Study", "StudyMember"`,
			describe(w.pool), config.RuntimeParams["search_path"], config.User, strings.Join(problems, "; "))
	}
	// The statements themselves find all other problems. No row has these ids.
	if err == nil {
		_, err = w.Membership(ctx, "", "")
	}
	if err == nil {
		_, err = w.Users(ctx, []string{""})
	}
	if err != nil {
		return nil, fmt.Errorf("check the web app's tables: %w", err)
	}
	return warnings, nil
}

// problems returns what is wrong with the columns and with the tables' row level security.
func (w *WebApp) problems(ctx context.Context) (problems, warnings []string, err error) {
	rows, _ := w.pool.Query(ctx, webColumnsSQL) // CollectRows returns the error
	if problems, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, nil, err
	}
	problems = slices.Compact(problems)
	var table string
	var shown bool
	rows, _ = w.pool.Query(ctx, webRowsSQL, []string{"User", "Study", "StudyMember"})
	_, err = pgx.ForEachRow(rows, []any{&table, &shown}, func() error {
		if shown {
			warnings = append(warnings, fmt.Sprintf("table %q has row level security: users whose rows its policies hide count as non-members", table))
			return nil
		}
		problems = append(problems, fmt.Sprintf("table %q hides every row by row level security (create policy … for select to this user using (true), or alter role … bypassrls)", table))
		return nil
	})
	return problems, warnings, err
}

// describe names the database of a pool in a few words.
func describe(pool *pgxpool.Pool) string {
	config := pool.Config().ConnConfig
	return fmt.Sprintf("database %q at %s:%d", config.Database, config.Host, config.Port)
}
