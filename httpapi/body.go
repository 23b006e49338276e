package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/membership"
)

// readBody reads the whole body, up to the limit. A body that breaks off is the client's failure, whatever the error.
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

// sessionIDOf is the sessionId that the body names. Other fields are ignored.
func sessionIDOf(c echo.Context) (string, error) {
	body, err := readBody(c)
	if err != nil {
		return "", err
	}
	return parseSessionID(body)
}

// parseSessionID wants {"sessionId": "…"} in UTF-8 and nothing after it. Fields are matched by their exact names, where
// decoding into a struct would take SESSIONID too.
func parseSessionID(body []byte) (string, error) {
	var fields map[string]json.RawMessage
	switch err := json.Unmarshal(body, &fields); {
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
