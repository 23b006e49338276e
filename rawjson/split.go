package rawjson

import "encoding/json"

// Valid says whether data is one JSON value, white space around it included.
func Valid(data []byte) bool {
	end := value(data, space(data, 0), Depth)
	return end != bad && space(data, end) == len(data)
}

// Array gives the elements of an array.
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

// Object gives each the members of an object, in order: the name, unquoted, and the value. Of members that share a name
// all are given. When the object turns out not to be JSON, ErrSyntax comes after what was given.
func Object(data []byte, each func(name string, value json.RawMessage)) error {
	i := space(data, 0)
	if i >= len(data) || data[i] != '{' {
		return ErrSyntax
	}
	end := object(data, i, Depth, func(name, value []byte) {
		text, _ := String(name) // it was scanned as one
		each(text, value)
	})
	if end == bad || space(data, end) != len(data) {
		return ErrSyntax
	}
	return nil
}

// String gives the text of a JSON string without white space around it.
func String(data []byte) (string, error) {
	if len(data) < 2 || data[0] != '"' || quoted(data, 0) != len(data) {
		return "", ErrSyntax
	}
	inner := data[1 : len(data)-1]
	for _, c := range inner {
		if c == '\\' {
			var text string
			if err := json.Unmarshal(data, &text); err != nil {
				return "", ErrSyntax
			}
			return text, nil
		}
	}
	return string(inner), nil
}

// Quote makes a JSON string of a text.
func Quote(text string) json.RawMessage {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quotedText, err := json.Marshal(text)
			if err != nil {
				return json.RawMessage(`""`) // cannot be: every string can be marshalled
			}
			return quotedText
		}
	}
	return append(append(append(make([]byte, 0, len(text)+2), '"'), text...), '"')
}
