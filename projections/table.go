package projections

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
)

// table is a table of a read model, whose rows are of type R in Go. Its columns are listed once: the SQL statements, the
// arguments, the scan targets and the COPY encoding derive from that list. testdata/statements.sql shows every derived
// statement in full.
type table[R any] struct {
	name    string
	columns []column[R]
	// fillfactor is the percentage of a page that inserts fill; the rest is for updates in place. Zero means Postgres' default, 100.
	fillfactor int
}

// column is a column of a table.
type column[R any] struct {
	name  string
	typ   string // in SQL
	merge merge
	// field returns a pointer to the column's value in a row: *string, *int32, *int64, *milliseconds, *day, *time.Time,
	// *[]string or *[]int64.
	field func(*R) any
}

// merge says what happens to a column when a row with the same key exists already.
type merge int

const (
	key      merge = iota // part of the primary key
	fixed                 // keeps its first value
	replaced              // takes the new value
	optional              // takes the new value, of which zero is stored as null
	summed                // bigint: the sum of both values
	earliest              // the smaller value
	latest                // the greater value
)

// join returns the columns' SQL as each writes it, separated by commas. Columns for which each returns "" are left out.
func (t table[R]) join(each func(n int, c column[R]) string) string {
	var parts []string
	for n, c := range t.columns {
		if part := each(n, c); part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", ")
}

// list returns the columns' names; alias, if not empty, qualifies them.
func (t table[R]) list(alias string) string {
	return t.join(func(_ int, c column[R]) string { return strings.TrimPrefix(alias+"."+c.name, ".") })
}

// keys returns the names of the key's columns; alias, if not empty, qualifies them.
func (t table[R]) keys(alias string) string {
	return t.join(func(_ int, c column[R]) string {
		if c.merge != key {
			return ""
		}
		return strings.TrimPrefix(alias+"."+c.name, ".")
	})
}

// createSQL creates the table without its primary key.
func (t table[R]) createSQL() string {
	storage := ""
	if t.fillfactor > 0 {
		storage = fmt.Sprintf(" with (fillfactor = %d)", t.fillfactor)
	}
	return "create table " + t.name + " (" + t.join(func(_ int, c column[R]) string {
		if c.merge == optional {
			return c.name + " " + c.typ
		}
		return c.name + " " + c.typ + " not null"
	}) + ")" + storage
}

// primaryKeySQL adds the primary key.
func (t table[R]) primaryKeySQL() string {
	return fmt.Sprintf("alter table %s add primary key (%s)", t.name, t.keys(""))
}

// copySQL fills the table with rows that appendRow encoded.
func (t table[R]) copySQL() string {
	return fmt.Sprintf("copy %s (%s) from stdin (format binary)", t.name, t.list(""))
}

// unnest returns a call of unnest that turns args, one array for each column, into rows.
func (t table[R]) unnest() string {
	return "unnest(" + t.join(func(n int, c column[R]) string { return fmt.Sprintf("$%d::%s[]", n+1, c.typ) }) + ")"
}

// upsertSQL writes rows: those with a new key whole, of the others the columns that are replaced. Each key may occur once.
func (t table[R]) upsertSQL() string {
	return fmt.Sprintf(`
insert into %s (%s)
select * from %s
on conflict (%s) do update set %s`, t.name, t.list(""), t.unnest(), t.keys(""), t.join(func(_ int, c column[R]) string {
		if c.merge == replaced || c.merge == optional {
			return c.name + " = excluded." + c.name
		}
		return ""
	}))
}

// addSQL adds rows to the totals of their keys. A row counts only if its position is after the total's, so that adding it
// again changes nothing. A key may occur several times.
func (t table[R]) addSQL() string {
	merged := func(sum, least, greatest string) func(int, column[R]) string {
		return func(_ int, c column[R]) string {
			pattern := map[merge]string{summed: sum, earliest: least, latest: greatest}[c.merge]
			return strings.ReplaceAll(pattern, "#", c.name)
		}
	}
	return fmt.Sprintf(`
insert into %[1]s as total (%[2]s)
select %[3]s, %[4]s
from %[5]s as new (%[2]s)
left join %[1]s as old using (%[6]s)
where new.position > coalesce(old.position, 0)
group by %[3]s
on conflict (%[6]s) do update set %[7]s`, t.name, t.list(""), t.keys("new"),
		t.join(merged("sum(new.#)::bigint", "min(new.#)", "max(new.#)")), t.unnest(), t.keys(""),
		t.join(merged("# = total.# + excluded.#", "# = least(total.#, excluded.#)", "# = greatest(total.#, excluded.#)")))
}

// add executes addSQL.
func (t table[R]) add(ctx context.Context, tx pgx.Tx, rows []R) error {
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, t.addSQL(), t.args(rows)...); err != nil {
		return fmt.Errorf("add to %s: %w", t.name, err)
	}
	return nil
}

// merge adds a row to the total of its key, as addSQL does.
func (t table[R]) merge(total, row *R) {
	for _, c := range t.columns {
		switch c.merge {
		case summed:
			switch sum := c.field(total).(type) {
			case *int64:
				*sum += *c.field(row).(*int64)
			case *milliseconds:
				*sum += *c.field(row).(*milliseconds)
			}
		case earliest:
			if old, value := c.field(total).(*time.Time), c.field(row).(*time.Time); value.Before(*old) {
				*old = *value
			}
		case latest:
			switch old := c.field(total).(type) {
			case *int64:
				*old = max(*old, *c.field(row).(*int64))
			case *time.Time:
				if value := c.field(row).(*time.Time); value.After(*old) {
					*old = *value
				}
			}
		case key, fixed, replaced, optional:
		}
	}
}

// args returns the rows as one array for each column, for unnest.
func (t table[R]) args(rows []R) []any {
	arrays := make([]any, len(t.columns))
	for i, c := range t.columns {
		array := make([]any, len(rows))
		for n := range rows {
			array[n] = c.arg(&rows[n])
		}
		arrays[i] = array
	}
	return arrays
}

// rowArgs returns the values of one row, one for each column.
func (t table[R]) rowArgs(row *R) []any {
	values := make([]any, len(t.columns))
	for i, c := range t.columns {
		values[i] = c.arg(row)
	}
	return values
}

// targets returns where to scan the columns of list. Null is scanned as the zero value: an outer join has nulls in any column.
func (t table[R]) targets(row *R) []any {
	targets := make([]any, len(t.columns))
	for i, c := range t.columns {
		targets[i] = nullable(c.field(row))
	}
	return targets
}

// arg returns the column's value as an argument. pgx encodes values several times as fast as pointers to them.
func (c column[R]) arg(row *R) any {
	null := c.merge == optional
	switch v := c.field(row).(type) {
	case *string:
		if null {
			return zeronull.Text(*v)
		}
		return *v
	case *time.Time:
		if null {
			return zeronull.Timestamptz(*v)
		}
		return *v
	case *int64:
		return *v
	case *milliseconds:
		return *v
	default:
		return v
	}
}

// nullable returns a pointer to the same value for which null is the zero value.
func nullable(field any) any {
	switch v := field.(type) {
	case *string:
		return (*zeronull.Text)(v)
	case *time.Time:
		return (*zeronull.Timestamptz)(v)
	case *int32:
		return (*zeronull.Int4)(v)
	case *int64:
		return (*zeronull.Int8)(v)
	default:
		return field // scans null as it is
	}
}

// milliseconds is a duration that a bigint column holds in milliseconds.
type milliseconds time.Duration

// ScanInt64 implements pgtype.Int64Scanner. Null, which only an outer join returns, is 0.
func (m *milliseconds) ScanInt64(v pgtype.Int8) error {
	*m = milliseconds(time.Duration(v.Int64) * time.Millisecond)
	return nil
}

// Int64Value implements pgtype.Int64Valuer.
func (m milliseconds) Int64Value() (pgtype.Int8, error) {
	return pgtype.Int8{Int64: time.Duration(m).Milliseconds(), Valid: true}, nil
}

// day is a calendar day: the number of days since 1970-01-01.
type day int32

// dayAt returns the calendar day of a time in its location.
func dayAt(t time.Time) day {
	year, month, date := t.Date()
	return day(time.Date(year, month, date, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60)) //nolint:gosec // years of four digits
}

// midnight returns the beginning of the day, in UTC.
func (d day) midnight() time.Time { return time.Unix(int64(d)*24*60*60, 0).UTC() }

// ScanDate implements pgtype.DateScanner.
func (d *day) ScanDate(v pgtype.Date) error {
	*d = dayAt(v.Time)
	return nil
}

// DateValue implements pgtype.DateValuer.
func (d day) DateValue() (pgtype.Date, error) {
	return pgtype.Date{Time: d.midnight(), Valid: true}, nil
}
