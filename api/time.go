package api

import "time"

const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is a time in the form in which clients get it: UTC with exactly three decimals, such as 2025-11-19T10:30:00.000Z.
// The zero Time is null in JSON.
type Time time.Time

// String formats the time.
func (t Time) String() string { return time.Time(t).UTC().Format(timeLayout) }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	if time.Time(t).IsZero() {
		return []byte("null"), nil
	}
	return []byte(`"` + t.String() + `"`), nil
}
