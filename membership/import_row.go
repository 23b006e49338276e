package membership

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// row reads one row and notes what is wrong with it. The values are in the order of the fields.
func (f *importFile) row(raw []byte, fields []field) []*string {
	values, given := make([]*string, len(fields)), make([]bool, len(fields))
	if raw[0] != '{' {
		f.wrong.add(f.at, "has to be an object, {…}")
		return values
	}
	row := json.NewDecoder(bytes.NewReader(raw))
	_, _ = row.Token() // {. It was read once: nothing can be wrong with its form
	for row.More() {
		token, _ := row.Token()
		key, _ := token.(string)
		var value json.RawMessage
		_ = row.Decode(&value)
		i := find(fields, key)
		switch {
		case i < 0:
			f.wrong.add(f.at, "%s is unknown: there are %s", quoted(key), named(fields))
		case given[i]:
			f.wrong.add(f.at+"."+key, "is there twice")
		default:
			given[i] = true
			values[i] = f.value(f.at+"."+key, value, fields[i])
		}
	}
	for i, field := range fields {
		if !given[i] && !field.optional {
			f.wrong.add(f.at+"."+field.name, "is missing")
		}
	}
	return values
}

// value reads one value and notes what is wrong with it; nil is null.
func (f *importFile) value(at string, raw []byte, field field) *string {
	if string(raw) == "null" && field.optional {
		return nil
	}
	if raw[0] != '"' {
		f.wrong.add(at, "has to be a text, not %s", kind(raw))
		return nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		f.wrong.add(at, "%v", err)
		return nil
	}
	if wrong := field.rule(text); wrong != "" {
		f.wrong.add(at, "%s %s", quoted(text), wrong)
	}
	return &text
}

// kind says what a JSON value is that is no text.
func kind(raw []byte) string {
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case 't', 'f', 'n':
		return string(raw) // true, false or null
	default:
		return "a number"
	}
}

// find is the place of the field with a name, -1 if there is none.
func find(fields []field, name string) int {
	return slices.IndexFunc(fields, func(f field) bool { return f.name == name })
}

// named lists the fields' names.
func named(fields []field) string {
	return strings.Join(column(fields, func(f field) string { return f.name }), ", ")
}
