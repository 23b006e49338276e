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

	"github.com/studycall/studycall/eventstore"
)

// buffer holds rows of a table.
type buffer interface {
	size() int
	// take empties the buffer, and returns the write of its rows into the table.
	take() func(ctx context.Context, tx pgx.Tx) error
}

// copyBuffer holds rows of a table in the format of COPY BINARY.
type copyBuffer[R any] struct {
	table   table[R]
	encoded []byte
}

func (b *copyBuffer[R]) add(row *R) { b.encoded = b.table.appendRow(b.encoded, row) }

func (b *copyBuffer[R]) size() int { return len(b.encoded) }

// take implements buffer. The new buffer gets a little more than the size of the old one, within a flush's usual size.
func (b *copyBuffer[R]) take() func(ctx context.Context, tx pgx.Tx) error {
	encoded := b.encoded
	b.encoded = make([]byte, 0, min(len(encoded)+len(encoded)/8, 2*flushBytes))
	return func(ctx context.Context, tx pgx.Tx) error {
		if len(encoded) == 0 {
			return nil
		}
		// https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format": signature, flags, length of the extension;
		// and at the end the number of columns -1.
		const head, end = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00", "\xff\xff"
		data := io.MultiReader(strings.NewReader(head), bytes.NewReader(encoded), strings.NewReader(end))
		if _, err := tx.Conn().PgConn().CopyFrom(ctx, data, b.table.copySQL()); err != nil {
			return fmt.Errorf("fill %s: %w", b.table.name, err)
		}
		return nil
	}
}

// appendRow appends a row in the format of COPY BINARY. A rebuild writes a row for every three events: pgx's own CopyFrom,
// which looks up the type of each value, took a third of a rebuild's time.
func (t table[R]) appendRow(b []byte, row *R) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(t.columns))) //nolint:gosec // a table has few columns
	for _, c := range t.columns {
		b = appendValue(b, c.field(row), c.merge == optional)
	}
	return b
}

func appendValue(b []byte, field any, optional bool) []byte {
	switch v := field.(type) {
	case *string:
		if optional && *v == "" {
			return appendNull(b)
		}
		return appendText(b, *v)
	case *time.Time:
		if optional && v.IsZero() {
			return appendNull(b)
		}
		return appendInt8(b, v.UnixMicro()-eventstore.PostgresEpoch)
	case *int32:
		return appendInt4(appendInt4(b, 4), int(*v))
	case *int64:
		return appendInt8(b, *v)
	case *milliseconds:
		return appendInt8(b, time.Duration(*v).Milliseconds())
	case *day:
		return appendInt4(appendInt4(b, 4), int(*v)-epochDay)
	case *[]string:
		return appendArray(b, pgtype.TextOID, *v, appendText)
	case *[]int64:
		return appendArray(b, pgtype.Int8OID, *v, appendInt8)
	default:
		panic(fmt.Sprintf("a column has a %T, which cannot be encoded", field)) // TestEveryColumnCanBeEncodedMergedAndScanned
	}
}

// epochDay is the day of eventstore.PostgresEpoch.
const epochDay = eventstore.PostgresEpoch / (24 * 60 * 60 * 1_000_000)

// appendNull appends the length -1.
func appendNull(b []byte) []byte { return append(b, 0xff, 0xff, 0xff, 0xff) }

func appendText(b []byte, v string) []byte {
	return append(appendInt4(b, len(v)), v...)
}

func appendInt4(b []byte, v int) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(v)) //nolint:gosec // two's complement is the encoding
}

func appendInt8(b []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(appendInt4(b, 8), uint64(v)) //nolint:gosec // two's complement is the encoding
}

// appendArray appends an array of one dimension without nulls: the number of dimensions, whether there are nulls, the type
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
