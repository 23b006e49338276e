package eventstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/studycall/studycall/domain"
)

const (
	// scanPage is how many events Next reads with one query. Each page is a query of its own, so that no snapshot is held
	// for as long as a scan of the whole log takes, and short, so that who gives way to others does so often.
	scanPage = 2000
	// internLimit is how many distinct strings a scan remembers, to have each once.
	internLimit = 200_000
)

// Scanned is an event as a Scanner gives it: what a fold needs.
type Scanned struct {
	Position int64
	Study    string
	Event    domain.Event
	// Undecoded is why there is no Event, where none of its type is wanted.
	Undecoded *UnknownEventError
}

// The columns that a fold needs, of one range of the primary key.
const scanSQL = `select position, stream_id, session_id, type, schema, data, occurred_at
	from public.events where position > $1 and position <= $2 order by position limit $3`

// Scanner reads the log fast, page by page. It decodes the rows of scanSQL from the bytes of Postgres' binary format: pgx's
// Scan, by reflection, would take most of the time. It is not safe for concurrent use.
type Scanner struct {
	store       *Store
	after, upTo int64
	unwanted    []string
	strings     map[string]string
}

// Scan begins to read the log after one position up to and with another. With only, an event that cannot be decoded is an
// error where a Subscriber with it would be given the event, and Undecoded where not.
func (s *Store) Scan(after, upTo int64, only domain.Event) (*Scanner, error) {
	_, unwanted, err := s.types.choose(only)
	if err != nil {
		return nil, fmt.Errorf("scan the log: %w", err)
	}
	return &Scanner{s, after, upTo, unwanted, map[string]string{}}, nil
}

// Wanted are those of the events that a Subscriber with only would be given.
func (s *Store) Wanted(events []Recorded, only domain.Event) ([]Recorded, error) {
	_, unwanted, err := s.types.choose(only)
	return slices.DeleteFunc(events, func(r Recorded) bool { return slices.Contains(unwanted, r.Type) }), err
}

// Next is the next page, in order, which is the caller's to keep; it is empty where there is nothing more. The error is
// ctx's, the database's, or an *UnknownEventError.
func (s *Scanner) Next(ctx context.Context) ([]Scanned, error) {
	if s.after >= s.upTo {
		return nil, nil
	}
	page, err := s.page(ctx)
	if err != nil {
		return nil, fmt.Errorf("scan the log after %d: %w", s.after, err)
	}
	if len(page) > 0 {
		s.after = page[len(page)-1].Position
	}
	return page, nil
}

func (s *Scanner) page(ctx context.Context) ([]Scanned, error) {
	rows, err := s.store.pool.Query(ctx, scanSQL, s.after, s.upTo, scanPage)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	page := make([]Scanned, 0, min(scanPage, s.upTo-s.after))
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

func (s *Scanner) row(column [][]byte) (Scanned, error) {
	position := int64(binary.BigEndian.Uint64(column[0])) //nolint:gosec // that is how it was encoded
	fact := domain.Fact{SessionID: s.text(column[2]), At: timeOf(column[6])}
	schema := int16(binary.BigEndian.Uint16(column[4])) //nolint:gosec // likewise
	event, err := s.store.types.decodeSharing(column[3], schema, fact, column[5], s.text)
	scanned := Scanned{Position: position, Study: strings.TrimPrefix(s.text(column[1]), streamPrefix), Event: event}
	if err != nil {
		scanned.Undecoded = &UnknownEventError{position, string(column[3]), schema, err}
		if !slices.Contains(s.unwanted, scanned.Undecoded.Type) {
			return Scanned{}, scanned.Undecoded
		}
	}
	return scanned, nil
}

// text gives the same string for the same bytes.
func (s *Scanner) text(b []byte) string {
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
