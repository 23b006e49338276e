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
	"strconv"
	"strings"
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
