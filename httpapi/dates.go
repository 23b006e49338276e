package httpapi

import (
	"sort"
	"strings"
	"time"
)

// period is the time that a parameter names, a day or a moment, with both its ends included.
type period struct{ first, last time.Time }

// after reports whether the period begins after the end of the other one. A day that a time zone skipped ends before it begins,
// and must not be after itself.
func (p period) after(other period) bool {
	return p.first.After(other.last) && p.first.After(other.first)
}

// from and before are the bounds of the period in whole milliseconds, the unit of business times. before is excluded.
func (p period) from() time.Time {
	from := p.first.UTC().Truncate(time.Millisecond)
	if from.Before(p.first) {
		from = from.Add(time.Millisecond)
	}
	return from
}

func (p period) before() time.Time {
	return p.last.UTC().Truncate(time.Millisecond).Add(time.Millisecond)
}

// period returns the day or the moment that a parameter names; nil if the parameter is not given.
func (p *parameters) period(name string, zone *time.Location) *period {
	value, given := p.text(name)
	if !given {
		return nil
	}
	found, ok := parsePeriod(value, zone)
	if !ok {
		p.refuse(name, "must be an ISO 8601 date, like 2025-11-19, or date-time, like 2025-11-19T10:30:00Z")
	}
	return &found
}

// parsePeriod reads an ISO 8601 date, which is that whole day in the zone, or a date-time, with or without seconds, their
// fraction and the offset from UTC. Without an offset, the date-time is in the zone.
func parsePeriod(value string, zone *time.Location) (period, bool) {
	if day, err := time.Parse(time.DateOnly, value); err == nil {
		return period{dayBegins(day, zone), dayBegins(day.AddDate(0, 0, 1), zone).Add(-1)}, true
	}
	const hours = len(time.DateOnly + "T15")
	if len(value) <= hours || value[hours] != ':' { // time.Parse accepts hours of one digit
		return period{}, false
	}
	// In a query string, a plus that is not encoded is a space. An offset like +09:00 is understood either way.
	value = strings.Replace(value, " ", "+", 1)
	for _, layout := range []string{
		"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05",
		"2006-01-02T15:04Z07:00", "2006-01-02T15:04Z0700", "2006-01-02T15:04Z07", "2006-01-02T15:04",
	} {
		if at, err := time.ParseInLocation(layout, value, zone); err == nil {
			return period{at, at}, true
		}
	}
	return period{}, false
}

// largestOffset is more than any zone ever differed from UTC.
const largestOffset = 24 * time.Hour

// dayBegins returns when a calendar day, given as midnight UTC, begins in a zone: when clocks first show that day or a later
// one. That is not always midnight, because daylight saving may skip or repeat midnight.
func dayBegins(day time.Time, zone *time.Location) time.Time {
	earliest := day.Add(-largestOffset)
	seconds := sort.Search(int(2*largestOffset/time.Second), func(n int) bool {
		year, month, date := earliest.Add(time.Duration(n) * time.Second).In(zone).Date()
		return !time.Date(year, month, date, 0, 0, 0, 0, time.UTC).Before(day)
	})
	return earliest.Add(time.Duration(seconds) * time.Second)
}
