package membership

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// purpose is the kind of type that WebApp requires of a column.
type purpose string

const (
	// anID is compared with our ids byte by byte: citext equates "A" and "a", char(n) pads, and a uuid refuses most texts.
	anID purpose = "text or varchar"
	// aText is displayed unchanged.
	aText purpose = "a text"
	// aWord is one of a few words.
	aWord purpose = "an enumeration, text or varchar"
)

// webColumn is a column that WebApp reads.
type webColumn struct {
	table, column string
	purpose       purpose
}

func webColumns() []webColumn {
	return []webColumn{
		{"User", "id", anID}, {"User", "name", aText}, {"User", "email", aText}, {"User", "avatar", aText}, {"User", "status", aWord},
		{"Study", "id", anID},
		{"StudyMember", "studyId", anID}, {"StudyMember", "userId", anID}, {"StudyMember", "role", aWord}, {"StudyMember", "status", aWord},
	}
}

// webColumnsSQL returns one row per wanted column, in order: whether its table and the column exist, whether this user may read it,
// its type, and the purposes that the type fits. A domain counts as its base type.
const webColumnsSQL = `
	select wanted.at is not null, a.attnum is not null,
	       coalesce(has_column_privilege(wanted.at, a.attnum, 'select'), false),
	       coalesce(format_type(a.atttypid, a.atttypmod), ''),
	       coalesce(t.typcategory = 'S', false), coalesce(base.typname in ('text', 'varchar'), false), coalesce(base.typtype = 'e', false)
	from (select n, col, to_regclass(quote_ident(tab)) as at
	      from unnest($1::text[], $2::text[]) with ordinality as w (tab, col, n)) wanted
	left join pg_attribute a on a.attrelid = wanted.at and a.attname = wanted.col and a.attnum > 0 and not a.attisdropped
	left join pg_type t on t.oid = a.atttypid
	left join pg_type base on base.oid = case t.typtype when 'd' then t.typbasetype else t.oid end
	order by wanted.n`

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
// readable, without visible rows or of a wrong type, and the remedy. Other errors are the database's. Doubts name tables whose
// policies may hide some rows from this user: a hidden user or member counts as not existing.
func (w *WebApp) Check(ctx context.Context) (doubts []string, err error) {
	problems, err := w.columnProblems(ctx)
	if err != nil {
		return nil, fmt.Errorf("check the web app's tables: %w", err)
	}
	hidden, doubts, err := w.rowProblems(ctx)
	if err != nil {
		return nil, fmt.Errorf("check the web app's tables: %w", err)
	}
	if problems = append(problems, hidden...); len(problems) > 0 {
		config := w.pool.Config().ConnConfig
		return nil, fmt.Errorf("the web app's tables cannot be read in %s, schema %s, as user %q: %s. Name the database that the web app's migrations have made (with Prisma's ?schema= if it uses one), "+
			`and let the user read it: grant usage on its schema, grant select on "User", "Study", "StudyMember"`,
			describe(w.pool), config.RuntimeParams["search_path"], config.User, strings.Join(problems, "; "))
	}
	// The statements themselves find all other problems. No row has these ids.
	if _, err := w.Membership(ctx, "", ""); err != nil {
		return nil, fmt.Errorf("check the web app's tables: %w", err)
	}
	if _, err := w.Users(ctx, []string{""}); err != nil {
		return nil, fmt.Errorf("check the web app's tables: %w", err)
	}
	return doubts, nil
}

func (w *WebApp) columnProblems(ctx context.Context) ([]string, error) {
	wanted := webColumns()
	rows, err := w.pool.Query(ctx, webColumnsSQL,
		column(wanted, func(c webColumn) string { return c.table }), column(wanted, func(c webColumn) string { return c.column }))
	if err != nil {
		return nil, err
	}
	var (
		problems                                           []string
		tableExists, columnExists, read, text, plain, enum bool
		typeName                                           string
		next                                               int
		reported                                           = map[string]bool{} // a table once, not once a column
	)
	_, err = pgx.ForEachRow(rows, []any{&tableExists, &columnExists, &read, &typeName, &text, &plain, &enum}, func() error {
		c := wanted[next]
		next++
		name := fmt.Sprintf("%q.%q", c.table, c.column)
		fits := map[purpose]bool{anID: plain, aText: text, aWord: plain || enum}
		switch {
		case !tableExists && !reported[c.table]:
			reported[c.table] = true
			problems = append(problems, fmt.Sprintf("table %q is missing", c.table))
		case !tableExists:
		case !columnExists:
			problems = append(problems, fmt.Sprintf("column %s is missing", name))
		case !read:
			problems = append(problems, fmt.Sprintf("column %s may not be read", name))
		case !fits[c.purpose]:
			problems = append(problems, fmt.Sprintf("column %s is of type %s, not %s", name, typeName, c.purpose))
		}
		return nil
	})
	return problems, err
}

func (w *WebApp) rowProblems(ctx context.Context) (hidden, doubts []string, err error) {
	rows, err := w.pool.Query(ctx, webRowsSQL, []string{"User", "Study", "StudyMember"})
	if err != nil {
		return nil, nil, err
	}
	var table string
	var shown bool
	_, err = pgx.ForEachRow(rows, []any{&table, &shown}, func() error {
		if shown {
			doubts = append(doubts, fmt.Sprintf("table %q has row level security: whoever its policies hide from this user counts as nobody", table))
			return nil
		}
		hidden = append(hidden, fmt.Sprintf("table %q hides every row by row level security (create policy … for select to this user using (true), or alter role … bypassrls)", table))
		return nil
	})
	return hidden, doubts, err
}

// describe names the database of a pool in a few words.
func describe(pool *pgxpool.Pool) string {
	config := pool.Config().ConnConfig
	return fmt.Sprintf("database %q at %s:%d", config.Database, config.Host, config.Port)
}
