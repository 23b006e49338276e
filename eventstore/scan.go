package eventstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/studycall/studycall/domain"
)

const (
	// scanPage is how many events Scan reads with one query. Each page is a query of its own, so that no snapshot is held
	// for as long as a scan of the whole log takes, and short, so that who gives way to others does so often.
	scanPage = 2000
	// pagesAhead is how many pages are read while others are dealt with.
	pagesAhead = 8
	// internLimit is how many distinct strings a scan remembers, to have each once.
	internLimit = 200_000
)

// Scanned is an event as Scan gives it: what a fold needs.
type Scanned struct {
	Position int64
	Study    string
	Event    domain.Event
}

// The columns that a fold needs, of one range of the primary key.
const scanSQL = `select position, stream_id, session_id, type, schema, data, occurred_at
	from public.events where position > $1 and position <= $2 order by position limit $3`

// Scan reads the log after one position up to and with another, fast, and hands it on page by page, in order, while it
// reads ahead. A page is the callback's to keep. The error is the callback's, ctx's, the database's, or an
// *UnknownEventError.
func (s *Store) Scan(ctx context.Context, after, upTo int64, each func([]Scanned) error) error {
	reading, ctx := errgroup.WithContext(ctx)
	pages := make(chan []Scanned, pagesAhead)
	reading.Go(func() error {
		defer close(pages)
		scan := scanner{types: s.types, strings: map[string]string{}}
		for after < upTo {
			page, err := scan.page(ctx, s, after, upTo)
			if err != nil {
				return fmt.Errorf("scan the log after %d: %w", after, err)
			}
			if len(page) == 0 {
				return nil
			}
			after = page[len(page)-1].Position
			select {
			case pages <- page:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	reading.Go(func() error {
		for page := range pages {
			if err := each(page); err != nil {
				return err
			}
		}
		return nil
	})
	return reading.Wait()
}

// scanner decodes the rows of scanSQL from the bytes of Postgres' binary format: Scan's reflection would take most of
// the time.
type scanner struct {
	types   *types
	strings map[string]string
}

func (s *scanner) page(ctx context.Context, store *Store, after, upTo int64) ([]Scanned, error) {
	rows, err := store.pool.Query(ctx, scanSQL, after, upTo, scanPage)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	page := make([]Scanned, 0, min(scanPage, upTo-after))
	for rows.Next() {
		if len(page) == 0 {
			if err := mustBeBinary(rows.FieldDescriptions()); err != nil {
				return nil, err
			}
		}
		event, err := s.row(rows.RawValues())
		if err != nil {
			return nil, err
		}
		page = append(page, event)
	}
	return page, rows.Err()
}

// mustBeBinary checks the columns of numbers and times; texts and JSON are the same in both formats.
func mustBeBinary(fields []pgconn.FieldDescription) error {
	for _, i := range []int{0, 4, 6} {
		if fields[i].Format != pgx.BinaryFormatCode {
			return fmt.Errorf("column %s does not come in binary format", fields[i].Name)
		}
	}
	return nil
}

func (s *scanner) row(column [][]byte) (Scanned, error) {
	position := int64(binary.BigEndian.Uint64(column[0])) //nolint:gosec // that is how it was encoded
	fact := domain.Fact{SessionID: s.text(column[2]), At: timeOf(column[6])}
	schema := int16(binary.BigEndian.Uint16(column[4])) //nolint:gosec // likewise
	event, err := s.types.decodeSharing(column[3], schema, fact, column[5], s.text)
	if err != nil {
		return Scanned{}, &UnknownEventError{position, string(column[3]), schema, err}
	}
	return Scanned{position, strings.TrimPrefix(s.text(column[1]), streamPrefix), event}, nil
}

// text gives the same string for the same bytes.
func (s *scanner) text(b []byte) string {
	if known, ok := s.strings[string(b)]; ok {
		return known
	}
	if len(s.strings) >= internLimit {
		clear(s.strings)
	}
	text := string(b)
	s.strings[text] = text
	return text
}

// timeOf is a timestamptz in binary format: microseconds since the year 2000.
func timeOf(b []byte) time.Time {
	const year2000 = 946_684_800_000_000
	return time.UnixMicro(int64(binary.BigEndian.Uint64(b)) + year2000).UTC() //nolint:gosec // likewise
}
