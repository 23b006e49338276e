package rawjson

import (
	"encoding/binary"
	"errors"
)

// Depth is the greatest nesting of arrays and objects.
const Depth = 512

// ErrSyntax says that a text is not JSON, or not a value of the expected kind.
var ErrSyntax = errors.New("not the expected JSON")

// The functions of this file take the index at which their value begins, and return the index after it, or bad.
const bad = -1

// space skips white space.
func space(data []byte, i int) int {
	for i < len(data) {
		switch data[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// value scans a value without surrounding white space.
func value(data []byte, i, depth int) int {
	if i >= len(data) {
		return bad
	}
	switch data[i] {
	case '"':
		return quoted(data, i)
	case '{':
		return object(data, i, depth, nil)
	case '[':
		return array(data, i, depth, nil)
	case 't':
		return literal(data, i, "true")
	case 'f':
		return literal(data, i, "false")
	case 'n':
		return literal(data, i, "null")
	default:
		return number(data, i)
	}
}

func literal(data []byte, i int, text string) int {
	if len(data)-i < len(text) || string(data[i:i+len(text)]) != text {
		return bad
	}
	return i + len(text)
}

// array scans an array and calls each with its elements.
func array(data []byte, i, depth int, each func(element []byte)) int {
	return sequence(data, i, depth, ']', func(i int) int {
		end := value(data, i, depth-1)
		if end != bad && each != nil {
			each(data[i:end:end])
		}
		return end
	})
}

// object scans an object and calls each with its members: the quoted name and the value.
func object(data []byte, i, depth int, each func(name, value []byte)) int {
	return sequence(data, i, depth, '}', func(i int) int {
		if i >= len(data) || data[i] != '"' {
			return bad
		}
		nameEnd := quoted(data, i)
		if nameEnd == bad {
			return bad
		}
		colon := space(data, nameEnd)
		if colon >= len(data) || data[colon] != ':' {
			return bad
		}
		start := space(data, colon+1)
		end := value(data, start, depth-1)
		if end != bad && each != nil {
			each(data[i:nameEnd:nameEnd], data[start:end:end])
		}
		return end
	})
}

// sequence scans elements that are separated by commas, from the opening to the closing byte.
func sequence(data []byte, i, depth int, closing byte, element func(i int) int) int {
	if depth == 0 {
		return bad
	}
	i = space(data, i+1)
	if i < len(data) && data[i] == closing {
		return i + 1
	}
	for {
		i = element(i)
		if i == bad {
			return bad
		}
		i = space(data, i)
		switch {
		case i >= len(data):
			return bad
		case data[i] == closing:
			return i + 1
		case data[i] != ',':
			return bad
		}
		i = space(data, i+1)
	}
}

// quoted scans a string, eight bytes at a time where all of them are plain.
func quoted(data []byte, i int) int {
	for i++; ; {
		for len(data)-i >= 8 && plain(binary.LittleEndian.Uint64(data[i:])) {
			i += 8
		}
		if i >= len(data) {
			return bad
		}
		switch c := data[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i = escape(data, i); i == bad {
				return bad
			}
		case c < ' ':
			return bad
		default:
			i++
		}
	}
}

// plain reports whether eight bytes hold no quote, backslash or control character. For each byte b, b == c if (b^c)-1 sets the highest
// bit and b^c does not, and b < 0x20 if b-0x20 sets it and b does not. A borrow from the next byte can only cause a false alarm,
// which the slow path resolves.
func plain(word uint64) bool {
	const (
		ones = 0x0101010101010101
		high = 0x8080808080808080
	)
	quote, slash := word^(ones*'"'), word^(ones*'\\')
	return ((quote-ones)&^quote|(slash-ones)&^slash|(word-ones*' ')&^word)&high == 0
}

func escape(data []byte, i int) int {
	if len(data)-i < 2 {
		return bad
	}
	switch data[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		if len(data)-i < 6 {
			return bad
		}
		for _, c := range data[i+2 : i+6] {
			switch {
			case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
			default:
				return bad
			}
		}
		return i + 6
	default:
		return bad
	}
}

func number(data []byte, i int) int {
	if i < len(data) && data[i] == '-' {
		i++
	}
	switch {
	case i >= len(data):
		return bad
	case data[i] == '0':
		i++
	default:
		if i = digits(data, i); i == bad {
			return bad
		}
	}
	if i < len(data) && data[i] == '.' {
		if i = digits(data, i+1); i == bad {
			return bad
		}
	}
	if i < len(data) && (data[i] == 'e' || data[i] == 'E') {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		return digits(data, i)
	}
	return i
}

// digits scans one or more digits.
func digits(data []byte, i int) int {
	start := i
	for i < len(data) && '0' <= data[i] && data[i] <= '9' {
		i++
	}
	if i == start {
		return bad
	}
	return i
}
