package membership

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// webColumn is a column of the web app's that WebApp reads.
type webColumn struct {
	table, column string
	// compared columns are compared with our ids, so they have to be texts.
	compared bool
}

func webColumns() []webColumn {
	return []webColumn{
		{"User", "id", true}, {"User", "name", false}, {"User", "email", false}, {"User", "avatar", false}, {"User", "status", false},
		{"Study", "id", true},
		{"StudyMember", "studyId", true}, {"StudyMember", "userId", true}, {"StudyMember", "role", false}, {"StudyMember", "status", false},
	}
}

// One row per wanted column, in order: whether its table and the column are there, may be read, and what type it is of.
const webColumnsSQL = `
	select wanted.at is not null, a.attnum is not null,
	       coalesce(has_column_privilege(wanted.at, a.attnum, 'select'), false),
	       coalesce(format_type(a.atttypid, a.atttypmod), ''), coalesce(t.typcategory = 'S', false)
	from (select n, col, to_regclass(quote_ident(tab)) as at
	      from unnest($1::text[], $2::text[]) with ordinality as w (tab, col, n)) wanted
	left join pg_attribute a on a.attrelid = wanted.at and a.attname = wanted.col and a.attnum > 0 and not a.attisdropped
	left join pg_type t on t.oid = a.atttypid
	order by wanted.n`

// Check reports whether the web app's tables are such that WebApp can read them: nil if so, else an error that names
// every table and column that is missing, may not be read or is of a wrong type, and says what to do. Other errors are
// the database's.
func (w *WebApp) Check(ctx context.Context) error {
	problems, err := w.problems(ctx)
	if err != nil {
		return fmt.Errorf("check the web app's tables: %w", err)
	}
	if len(problems) > 0 {
		config := w.pool.Config().ConnConfig
		return fmt.Errorf("the web app's tables cannot be read in %s as user %q: %s. Name the database that the web app's migrations have made (with Prisma's ?schema= if it uses one), "+
			`and let the user read it: grant usage on its schema, grant select on "User", "Study", "StudyMember"`,
			where(w.pool), config.User, strings.Join(problems, "; "))
	}
	// Whatever else may be in the way, the statements themselves meet it. Nobody has these ids.
	if _, err := w.Membership(ctx, "", ""); err != nil {
		return fmt.Errorf("check the web app's tables: %w", err)
	}
	if _, err := w.Users(ctx, []string{""}); err != nil {
		return fmt.Errorf("check the web app's tables: %w", err)
	}
	return nil
}

func (w *WebApp) problems(ctx context.Context) ([]string, error) {
	wanted := webColumns()
	tables, columns := make([]string, len(wanted)), make([]string, len(wanted))
	for i, c := range wanted {
		tables[i], columns[i] = c.table, c.column
	}
	rows, err := w.pool.Query(ctx, webColumnsSQL, tables, columns)
	if err != nil {
		return nil, err
	}
	var (
		problems                  []string
		table, column, read, text bool
		kind                      string
		next                      int
		told                      = map[string]bool{} // a table once, not once a column
	)
	_, err = pgx.ForEachRow(rows, []any{&table, &column, &read, &kind, &text}, func() error {
		c := wanted[next]
		next++
		name := fmt.Sprintf("%q.%q", c.table, c.column)
		switch {
		case !table && !told[c.table]:
			told[c.table] = true
			problems = append(problems, fmt.Sprintf("table %q is missing", c.table))
		case !table:
		case !column:
			problems = append(problems, fmt.Sprintf("column %s is missing", name))
		case !read:
			problems = append(problems, fmt.Sprintf("column %s may not be read", name))
		case c.compared && !text:
			problems = append(problems, fmt.Sprintf("column %s is of type %s, not text", name, kind))
		}
		return nil
	})
	return problems, err
}

// where says in a few words which database a pool is on.
func where(pool *pgxpool.Pool) string {
	config := pool.Config().ConnConfig
	return fmt.Sprintf("database %q at %s:%d", config.Database, config.Host, config.Port)
}
