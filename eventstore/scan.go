package eventstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/studycall/studycall/domain"
)

const (
	// scanPage is how many events one query reads: few, so that no snapshot is held for long and a throttled caller often yields.
	scanPage = 2000
	// internLimit is how many distinct strings a scan remembers, to hold each in memory once.
	internLimit = 200_000
)

// Scanned is an event as a Scanner returns it: what a fold needs.
type Scanned struct {
	Position int64
	Study    string
	Event    domain.Event
	// Undecoded is why Event is nil: an event that the scan's filter skips could not be decoded.
	Undecoded *UnknownEventError
}

// The columns that a fold needs, of one range of the primary key.
const scanSQL = `select position, stream_id, session_id, type, schema, data, occurred_at
	from public.events where position > $1 and position <= $2 order by position limit $3`

// Scanner reads a range of the log fast, page by page. It decodes the rows from the bytes of Postgres' binary format, because
// pgx's Scan, which uses reflection, would take most of the time. It is not safe for concurrent use.
type Scanner struct {
	store       *Store
	after, upTo int64
	filter      typeFilter
	interned    map[string]string
}

// Scan returns a scanner of the events after a position up to and including another. It returns all of them. An event that
// cannot be decoded is an error if a Subscriber with the same only would get it, and otherwise Undecoded.
func (s *Store) Scan(after, upTo int64, only domain.Event) (*Scanner, error) {
	filter, err := s.types.filter(only)
	if err != nil {
		return nil, fmt.Errorf("scan the log: %w", err)
	}
	return &Scanner{s, after, upTo, filter, map[string]string{}}, nil
}

// Filter returns the events that a Subscriber with the same only would get. It changes the slice.
func (s *Store) Filter(events []Recorded, only domain.Event) ([]Recorded, error) {
	filter, err := s.types.filter(only)
	return filter.apply(events), err
}

// Next returns the next page, in order. The page is empty at the end, and belongs to the caller. The error is ctx's, the
// database's, or an *UnknownEventError.
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
			if err := checkBinary(rows.FieldDescriptions()); err != nil {
				return nil, err
			}
		}
		event, err := s.decode(rows.RawValues())
		if err != nil {
			return nil, err
		}
		page = append(page, event)
	}
	return page, rows.Err()
}

// checkBinary checks the format of the numbers and times. Texts and JSON are the same in both formats.
func checkBinary(fields []pgconn.FieldDescription) error {
	for _, i := range []int{0, 4, 6} {
		if fields[i].Format != pgx.BinaryFormatCode {
			return fmt.Errorf("column %s is not in binary format", fields[i].Name)
		}
	}
	return nil
}

// decode decodes a row of scanSQL.
func (s *Scanner) decode(column [][]byte) (Scanned, error) {
	position := int64(binary.BigEndian.Uint64(column[0])) //nolint:gosec // the inverse of Postgres' conversion
	fact := domain.Fact{SessionID: s.intern(column[2]), At: timestamp(column[6])}
	schema := int16(binary.BigEndian.Uint16(column[4])) //nolint:gosec // likewise
	event, err := s.store.types.decode(column[3], schema, fact, column[5], s.intern)
	scanned := Scanned{Position: position, Study: strings.TrimPrefix(s.intern(column[1]), streamPrefix), Event: event}
	if err != nil {
		scanned.Undecoded = &UnknownEventError{position, string(column[3]), schema, err}
		if !s.filter.skips(scanned.Undecoded.Type) {
			return Scanned{}, scanned.Undecoded
		}
	}
	return scanned, nil
}

// intern returns the same string for equal bytes.
func (s *Scanner) intern(b []byte) string {
	if known, ok := s.interned[string(b)]; ok {
		return known
	}
	if len(s.interned) >= internLimit {
		clear(s.interned)
	}
	text := string(b)
	s.interned[text] = text
	return text
}

// PostgresEpoch is the beginning of the year 2000, in microseconds since 1970: Postgres counts times from it in binary format.
const PostgresEpoch = 946_684_800_000_000

// timestamp decodes a timestamptz in binary format: microseconds since PostgresEpoch.
func timestamp(b []byte) time.Time {
	return time.UnixMicro(int64(binary.BigEndian.Uint64(b)) + PostgresEpoch).UTC() //nolint:gosec // likewise
}
