package membership

import (
	"fmt"
	"strconv"
	"strings"
)

// toldMistakes is how many of a file's mistakes are told; a file of the wrong kind has as many as rows.
const toldMistakes = 10

// ImportError is what is wrong with an import file.
type ImportError struct {
	// Mistakes are the first ten, as "members[3].role: what is wrong".
	Mistakes []string
	// Total is how many there are.
	Total int
}

// Error names the mistakes, each on a line of its own if there are several.
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

// add notes a mistake at a path in the file.
func (e *ImportError) add(path, format string, args ...any) {
	e.Total++
	if len(e.Mistakes) < toldMistakes {
		e.Mistakes = append(e.Mistakes, path+": "+fmt.Sprintf(format, args...))
	}
}

// addFirst notes a mistake before all others, at a path or, if that is "", in the file as such.
func (e *ImportError) addFirst(path, mistake string) {
	if path != "" {
		mistake = path + ": " + mistake
	}
	e.Total++
	e.Mistakes = append([]string{mistake}, e.Mistakes[:min(len(e.Mistakes), toldMistakes-1)]...)
}

// orNil is the error, or nil if nothing is wrong.
func (e *ImportError) orNil() error {
	if e.Total == 0 {
		return nil
	}
	return e
}

// quoted is a text from the file, not too long, for a message.
func quoted(text string) string {
	const longest = 60
	runes := []rune(text)
	if len(runes) > longest {
		return strconv.Quote(string(runes[:longest])) + "…"
	}
	return strconv.Quote(text)
}
