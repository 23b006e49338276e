package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/membership"
)

// readBody reads the whole body, up to the limit. A body that ends early is the client's failure, whatever the error.
func readBody(c echo.Context) ([]byte, error) {
	body, err := io.ReadAll(c.Request().Body)
	if errors.As(err, new(*http.MaxBytesError)) {
		return nil, errTooLarge
	}
	if err != nil {
		return nil, api.Invalid("body", "could not be read to its end")
	}
	return body, nil
}

// parseSessionID reads the body {"sessionId": "…"}, in UTF-8 and with nothing after it. Other fields are ignored. Names are
// matched exactly, whereas decoding into a struct would accept SESSIONID too.
func parseSessionID(c echo.Context) (string, error) {
	body, err := readBody(c)
	if err != nil {
		return "", err
	}
	var fields map[string]json.RawMessage
	err = json.Unmarshal(body, &fields)
	switch {
	case len(body) == 0:
		return "", api.Invalid("body", "must not be empty")
	case !utf8.Valid(body):
		return "", api.Invalid("body", "must be UTF-8")
	case errors.As(err, new(*json.UnmarshalTypeError)), err == nil && fields == nil:
		return "", api.Invalid("body", "must be a JSON object")
	case err != nil:
		return "", api.Invalid("body", "must be valid JSON")
	}
	raw, given := fields["sessionId"]
	if !given {
		return "", api.Invalid("sessionId", "is required")
	}
	var id *string
	if err := json.Unmarshal(raw, &id); err != nil || id == nil {
		return "", api.Invalid("sessionId", "must be a string")
	}
	if !membership.PossibleID(*id) {
		return "", api.Invalid("sessionId", "must be 1 to 200 bytes without control characters")
	}
	return *id, nil
}

// parameters are those of a query string. Unknown parameters are ignored.
type parameters struct {
	values url.Values
	err    error // for the client: the first thing that is wrong; the values read are not to be used then
}

func parseParameters(c echo.Context) *parameters {
	values, err := url.ParseQuery(c.Request().URL.RawQuery)
	p := &parameters{values: values}
	if err != nil {
		p.refuse("query", "must be a well-formed query string")
	}
	return p
}

// refuse sets the error unless there is one.
func (p *parameters) refuse(field, reason string) {
	if p.err == nil {
		p.err = api.Invalid(field, reason)
	}
}

// text returns the value of a parameter, if it is given. A parameter that is given several times is ambiguous, so it is refused.
func (p *parameters) text(name string) (value string, given bool) {
	values := p.values[name]
	if len(values) > 1 {
		p.refuse(name, "must be given once")
	}
	return p.values.Get(name), len(values) > 0
}

// number returns a whole number from 1 to largest, written in digits; preset if the parameter is not given.
func (p *parameters) number(name string, preset, largest int64) int64 {
	value, given := p.text(name)
	if !given {
		return preset
	}
	number, err := strconv.ParseUint(value, 10, 63) // accepts no sign
	if err != nil || number < 1 || int64(number) > largest {
		bounds := fmt.Sprintf("from 1 to %d", largest)
		if largest == math.MaxInt64 {
			bounds = "of 1 or more"
		}
		p.refuse(name, "must be a whole number "+bounds)
	}
	return int64(number)
}

// choice returns one of the values; the first if the parameter is not given.
func (p *parameters) choice(name string, values ...string) string {
	value, given := p.text(name)
	if !given {
		return values[0]
	}
	if !slices.Contains(values, value) {
		p.refuse(name, "must be one of "+strings.Join(values, ", "))
	}
	return value
}

// period is the time that a parameter names, a day or a moment, with both its ends included.
type period struct{ first, last time.Time }

// after reports whether the period begins after the end of the other one. A day that a time zone skipped ends before it begins,
// and must not be after itself.
func (p period) after(other period) bool {
	return p.first.After(other.last) && p.first.After(other.first)
}

// from and before are the bounds of the period in whole milliseconds, the unit of business times. before is excluded.
func (p period) from() time.Time {
	return p.first.UTC().Add(time.Millisecond - 1).Truncate(time.Millisecond)
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
