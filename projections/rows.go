package projections

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
)

// fullRows is how many bytes of rows are collected before they are written.
const fullRows = 256 << 10

// table is where rows go: its name and its columns, in the order in which a row gives them.
type table struct {
	name    string
	columns []string
}

// rows are rows of a table on their way into it, in the format of COPY BINARY. A rebuild writes a row for every three
// events: pgx's own CopyFrom, which asks the type map about each value, took a third of a rebuild's time.
type rows struct {
	encoded []byte
	err     error
}

// add takes in a row: a value for each of the table's columns, of the Go type that fits the column.
func (r *rows) add(values []any) {
	b := binary.BigEndian.AppendUint16(r.encoded, uint16(len(values))) //nolint:gosec // a table has few columns
	for _, value := range values {
		switch v := value.(type) {
		case string:
			b = appendText(b, v)
		case *string:
			b = appendText(b, *v)
		case zeronull.Text:
			b = appendNullable(b, v != "", func(b []byte) []byte { return appendText(b, string(v)) })
		case int32:
			b = appendInt4(appendInt4(b, 4), int(v))
		case int64:
			b = appendInt8(b, v)
		case *int64:
			b = appendInt8(b, *v)
		case milliseconds:
			b = appendInt8(b, time.Duration(v).Milliseconds())
		case *milliseconds:
			b = appendInt8(b, time.Duration(*v).Milliseconds())
		case time.Time:
			b = appendTimestamptz(b, v)
		case *time.Time:
			b = appendTimestamptz(b, *v)
		case zeronull.Timestamptz:
			b = appendNullable(b, !time.Time(v).IsZero(), func(b []byte) []byte { return appendTimestamptz(b, time.Time(v)) })
		case *day:
			b = appendDate(b, *v)
		case []string:
			b = appendArray(b, pgtype.TextOID, v, appendText)
		case []int64:
			b = appendArray(b, pgtype.Int8OID, v, appendInt8)
		default:
			r.err = fmt.Errorf("a row holds a %T, which cannot be encoded", value)
		}
	}
	r.encoded = b
}

// append takes in other rows of the same table.
func (r *rows) append(other rows) {
	r.encoded = append(r.encoded, other.encoded...)
	if other.err != nil {
		r.err = other.err
	}
}

// full reports whether it is time to write the rows.
func (r *rows) full() bool { return len(r.encoded) >= fullRows }

// take empties the rows into a copy. What comes next will need as much room.
func (r *rows) take() rows {
	taken := *r
	*r = rows{encoded: make([]byte, 0, len(taken.encoded)+len(taken.encoded)/8)}
	return taken
}

// copyTo writes the rows into the table, all or none.
func (r *rows) copyTo(ctx context.Context, tx pgx.Tx, into table) error {
	if r.err != nil || len(r.encoded) == 0 {
		return r.err
	}
	quoted := make([]string, len(into.columns))
	for i, column := range into.columns {
		quoted[i] = pgx.Identifier{column}.Sanitize()
	}
	sql := `copy ` + pgx.Identifier{into.name}.Sanitize() + ` (` + strings.Join(quoted, ", ") + `) from stdin (format binary)`
	// https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format": signature, flags, length of the extension;
	// and at the end the number of columns -1.
	const head, end = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00", "\xff\xff"
	data := io.MultiReader(strings.NewReader(head), bytes.NewReader(r.encoded), strings.NewReader(end))
	if _, err := tx.Conn().PgConn().CopyFrom(ctx, data, sql); err != nil {
		return fmt.Errorf("fill %s: %w", into.name, err)
	}
	return nil
}

func appendNullable(b []byte, is bool, value func([]byte) []byte) []byte {
	if !is {
		return append(b, 0xff, 0xff, 0xff, 0xff) // the length -1
	}
	return value(b)
}

func appendText(b []byte, v string) []byte {
	return append(appendInt4(b, len(v)), v...)
}

func appendInt4(b []byte, v int) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(v)) //nolint:gosec // that is how it is encoded
}

func appendInt8(b []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(appendInt4(b, 8), uint64(v)) //nolint:gosec // likewise
}

// Times are counted from the beginning of the year 2000.
const (
	microseconds2000 = 946_684_800_000_000
	days2000         = 10_957
)

func appendTimestamptz(b []byte, v time.Time) []byte {
	return appendInt8(b, v.UnixMicro()-microseconds2000)
}

func appendDate(b []byte, v day) []byte { return appendInt4(appendInt4(b, 4), int(v)-days2000) }

// appendArray writes an array of one dimension without nulls: the number of dimensions, whether there are nulls, the type
// of the elements; for the dimension its length and lower bound; the elements.
func appendArray[T any](b []byte, oid int, elements []T, element func([]byte, T) []byte) []byte {
	start := len(b)
	b = appendInt4(b, 0) // the length in bytes, set below
	dimensions := min(1, len(elements))
	b = appendInt4(appendInt4(appendInt4(b, dimensions), 0), oid)
	if dimensions > 0 {
		b = appendInt4(appendInt4(b, len(elements)), 1)
	}
	for _, e := range elements {
		b = element(b, e)
	}
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4)) //nolint:gosec // a row is far from 4 GB
	return b
}
