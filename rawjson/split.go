package rawjson

import (
	"bytes"
	"encoding/json"
)

// Valid reports whether data is one JSON value, with white space around it or not.
func Valid(data []byte) bool {
	end := value(data, space(data, 0), Depth)
	return end != bad && space(data, end) == len(data)
}

// Array returns the elements of an array.
func Array(data []byte) ([]json.RawMessage, error) {
	i := space(data, 0)
	if i >= len(data) || data[i] != '[' {
		return nil, ErrSyntax
	}
	var elements []json.RawMessage
	end := array(data, i, Depth, func(element []byte) { elements = append(elements, element) })
	if end == bad || space(data, end) != len(data) {
		return nil, ErrSyntax
	}
	return elements, nil
}

// Object calls each with the members of an object in order: the unquoted name and the value. Members with the same name are all
// passed. When data is no object, it returns ErrSyntax, after each was called with the members before the mistake.
func Object(data []byte, each func(name string, value json.RawMessage)) error {
	i := space(data, 0)
	if i >= len(data) || data[i] != '{' {
		return ErrSyntax
	}
	end := object(data, i, Depth, func(name, value []byte) {
		text, _ := String(name) // cannot fail: the name was scanned as a string
		each(text, value)
	})
	if end == bad || space(data, end) != len(data) {
		return ErrSyntax
	}
	return nil
}

// String returns the text of a JSON string. The string must have no white space around it.
func String(data []byte) (string, error) {
	if len(data) < 2 || data[0] != '"' || quoted(data, 0) != len(data) {
		return "", ErrSyntax
	}
	inner := data[1 : len(data)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return "", ErrSyntax
	}
	return text, nil
}

// Quote returns the text as a JSON string.
func Quote(text string) json.RawMessage {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			escaped, err := json.Marshal(text)
			if err != nil {
				return json.RawMessage(`""`) // cannot happen: every string can be marshalled
			}
			return escaped
		}
	}
	return append(append(append(make([]byte, 0, len(text)+2), '"'), text...), '"')
}
