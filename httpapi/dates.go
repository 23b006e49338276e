package httpapi

import (
	"sort"
	"strings"
	"time"

	"github.com/studycall/studycall/api"
)

// stretch is what a parameter names, a day or a moment, with both its ends.
type stretch struct{ first, last time.Time }

// after reports whether the stretch begins when the other is over. A day that a time zone left out is over before it
// begins, and not after itself.
func (s stretch) after(other stretch) bool {
	return s.first.After(other.last) && s.first.After(other.first)
}

// from and before are the stretch's bounds in whole milliseconds, which is what business times are in.
func (s stretch) from() time.Time {
	from := s.first.UTC().Truncate(time.Millisecond)
	if from.Before(s.first) {
		from = from.Add(time.Millisecond)
	}
	return from
}

func (s stretch) before() time.Time {
	return s.last.UTC().Truncate(time.Millisecond).Add(time.Millisecond)
}

// stretch is a day or a time that a parameter names; nil when it is not given.
func (p parameters) stretch(name string, zone *time.Location) (*stretch, error) {
	value, given, err := p.text(name)
	if err != nil || !given {
		return nil, err
	}
	found, ok := parseStretch(value, zone)
	if !ok {
		return nil, api.Invalid(name, "must be an ISO 8601 date, like 2025-11-19, or date-time, like 2025-11-19T10:30:00Z")
	}
	return &found, nil
}

// parseStretch reads an ISO 8601 date, which is that whole day in the zone, or a date-time, with or without seconds, their
// fraction and the offset from UTC; without it the zone's is meant.
func parseStretch(value string, zone *time.Location) (stretch, bool) {
	if day, err := time.Parse(time.DateOnly, value); err == nil {
		return stretch{dayBegins(day, zone), dayBegins(day.AddDate(0, 0, 1), zone).Add(-1)}, true
	}
	const hours = len(time.DateOnly + "T15")
	if len(value) <= hours || value[hours] != ':' { // time.Parse takes hours of one digit
		return stretch{}, false
	}
	// In a query string a plus is a space, unless it is encoded: an offset of +09:00 that was not is understood too.
	value = strings.Replace(value, " ", "+", 1)
	for _, layout := range []string{
		"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05",
		"2006-01-02T15:04Z07:00", "2006-01-02T15:04Z0700", "2006-01-02T15:04Z07", "2006-01-02T15:04",
	} {
		if at, err := time.ParseInLocation(layout, value, zone); err == nil {
			return stretch{at, at}, true
		}
	}
	return stretch{}, false
}

// widestOffset is more than any zone was ever from UTC.
const widestOffset = 24 * time.Hour

// dayBegins is when a calendar day, given as midnight UTC, begins in a zone. That is not always midnight, which daylight
// saving may leave out or repeat: it is when clocks first show that day, or a later one.
func dayBegins(day time.Time, zone *time.Location) time.Time {
	earliest := day.Add(-widestOffset)
	n := sort.Search(int(2*widestOffset/time.Second), func(n int) bool {
		year, month, date := earliest.Add(time.Duration(n) * time.Second).In(zone).Date()
		return !time.Date(year, month, date, 0, 0, 0, 0, time.UTC).Before(day)
	})
	return earliest.Add(time.Duration(n) * time.Second)
}
