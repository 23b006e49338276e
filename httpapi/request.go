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

// parameters are those of a query string. Unknown parameters are ignored. The errors of the methods are for clients.
type parameters url.Values

func parseParameters(c echo.Context) (parameters, error) {
	values, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return nil, api.Invalid("query", "must be a well-formed query string")
	}
	return parameters(values), nil
}

// text returns the value of a parameter. A parameter that is given several times is ambiguous, so it is refused.
func (p parameters) text(name string) (value string, given bool, err error) {
	switch values := p[name]; len(values) {
	case 0:
		return "", false, nil
	case 1:
		return values[0], true, nil
	default:
		return "", false, api.Invalid(name, "must be given once")
	}
}

// number returns a whole number from 1 to largest, written in digits; preset if the parameter is not given.
func (p parameters) number(name string, preset, largest int64) (int64, error) {
	value, given, err := p.text(name)
	if err != nil || !given {
		return preset, err
	}
	number, err := strconv.ParseUint(value, 10, 63) // accepts no sign
	if err != nil || number < 1 || int64(number) > largest {
		bounds := fmt.Sprintf("from 1 to %d", largest)
		if largest == math.MaxInt64 {
			bounds = "of 1 or more"
		}
		return 0, api.Invalid(name, "must be a whole number "+bounds)
	}
	return int64(number), nil
}

// choice returns one of the values; the first if the parameter is not given.
func (p parameters) choice(name string, values ...string) (string, error) {
	value, given, err := p.text(name)
	if err != nil || !given {
		return values[0], err
	}
	if !slices.Contains(values, value) {
		return "", api.Invalid(name, "must be one of "+strings.Join(values, ", "))
	}
	return value, nil
}
