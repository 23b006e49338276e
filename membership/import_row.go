package membership

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
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
	if halfCharacter(raw) {
		f.wrong.add(at, "has half a character: an unpaired surrogate, \\uD800 to \\uDFFF")
		return nil
	}
	if wrong := field.rule(text); wrong != "" {
		f.wrong.add(at, "%s %s", quoted(text), wrong)
	}
	return &text
}

// halfCharacter reports whether a JSON text has an escaped surrogate without its other half. The decoder puts U+FFFD in its
// place, the same for each, which would make one id of several.
func halfCharacter(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++ // what is escaped, which may be a backslash itself
		unit := escaped(raw[i:])
		if !utf16.IsSurrogate(unit) {
			continue
		}
		// The second half has to follow at once: \uD83D\uDE00.
		if i+6 >= len(raw) || raw[i+5] != '\\' || utf16.DecodeRune(unit, escaped(raw[i+6:])) == unicode.ReplacementChar {
			return true
		}
		i += 10
	}
	return false
}

// escaped is the code unit of u0000, as it follows a backslash; 0 for any other escape.
func escaped(after []byte) rune {
	if len(after) < 5 || after[0] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(string(after[1:5]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(unit)
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
