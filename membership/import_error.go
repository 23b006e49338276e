package membership

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxMistakes is the number of mistakes in an ImportError: a file of another kind has as many as rows.
const maxMistakes = 10

// ImportError lists the mistakes in an import file.
type ImportError struct {
	// Mistakes are the first ten: "members[3].role: " and what is wrong.
	Mistakes []string
	// Total is the number of all mistakes.
	Total int
}

// Error returns the mistakes, each on a line of its own if there are several.
func (e *ImportError) Error() string {
	if e.Total == 1 {
		return e.Mistakes[0]
	}
	text := fmt.Sprintf("%d mistakes\n  %s", e.Total, strings.Join(e.Mistakes, "\n  "))
	if more := e.Total - len(e.Mistakes); more > 0 {
		text += fmt.Sprintf("\n  and %d more", more)
	}
	return text
}

// add appends a mistake at a path in the file.
func (e *ImportError) add(path, format string, args ...any) {
	e.Total++
	if len(e.Mistakes) < maxMistakes {
		e.Mistakes = append(e.Mistakes, path+": "+fmt.Sprintf(format, args...))
	}
}

// addFirst puts the mistake that ended the reading before the others, which may be consequences of it.
func (e *ImportError) addFirst(mistake string) {
	e.Total++
	e.Mistakes = slices.Insert(e.Mistakes, 0, mistake)[:min(len(e.Mistakes)+1, maxMistakes)]
}

// orNil returns the error, or nil if there is no mistake.
func (e *ImportError) orNil() error {
	if e.Total == 0 {
		return nil
	}
	return e
}

// quoted returns a text of the file for a message, cut to 60 characters.
func quoted(text string) string {
	const longest = 60
	if runes := []rune(text); len(runes) > longest {
		return strconv.Quote(string(runes[:longest])) + "…"
	}
	return strconv.Quote(text)
}
