package httpapi

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
)

// parameters are those of a request's query string. Unknown ones are ignored. The errors of its methods are for clients.
type parameters url.Values

func parametersOf(c echo.Context) (parameters, error) {
	values, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return nil, api.Invalid("query", "must be a well-formed query string")
	}
	return parameters(values), nil
}

// text is a parameter's value, if it is given. Which of several was meant cannot be known, so they are refused.
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

// number is a whole number from 1 to most, in digits; otherwise is that of a parameter which is not given.
func (p parameters) number(name string, otherwise, most int64) (int64, error) {
	value, given, err := p.text(name)
	if err != nil || !given {
		return otherwise, err
	}
	number, err := strconv.ParseUint(value, 10, 63) // which takes no sign
	if err != nil || number < 1 || int64(number) > most {
		bounds := fmt.Sprintf("from 1 to %d", most)
		if most == math.MaxInt64 {
			bounds = "of 1 or more"
		}
		return 0, api.Invalid(name, "must be a whole number "+bounds)
	}
	return int64(number), nil
}

// choice is one of the values; the first is that of a parameter which is not given.
func (p parameters) choice(name string, values ...string) (string, error) {
	value, given, err := p.text(name)
	if err != nil || !given {
		return values[0], err
	}
	for _, known := range values {
		if value == known {
			return value, nil
		}
	}
	return "", api.Invalid(name, "must be one of "+strings.Join(values, ", "))
}
