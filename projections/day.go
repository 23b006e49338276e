package projections

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

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
