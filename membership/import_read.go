package membership

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxImportBytes and maxImportRows bound the memory of an import, to 440 MB (measured), because the text and its rows are
	// in memory together. A larger file can be split: imports add up.
	maxImportBytes = 64 << 20
	maxImportRows  = 1_000_000
	// maxMistakes is the number of mistakes in an ImportError: a file of another kind has as many as rows.
	maxMistakes = 10
	// byteOrderMark is written before the text by some editors.
	byteOrderMark = "\ufeff"
)

// ReadImport reads an import file:
//
//	{
//	  "users":   [{"id": "…", "name": "…", "email": "…", "avatar": null, "status": "ACTIVE"}],
//	  "studies": [{"id": "…", "name": "…"}],
//	  "members": [{"studyId": "…", "userId": "…", "role": "OWNER", "status": "ACTIVE"}]
//	}
//
// Each list may be left out; of a row, only the avatar may, because a row replaces the whole stored row. Unknown and repeated
// keys are mistakes, and so are an id twice in its list and a user twice in a study. Roles are OWNER, ADMIN and MEMBER,
// statuses of members ACTIVE, PENDING, KICKED and LEFT, those of users any of the web app's. An avatar that is a data: URL is
// read as none.
//
// The file is UTF-8 of up to 64 MiB, with up to a million rows in all. The error is an *ImportError about the file's content,
// otherwise the reader's.
func ReadImport(r io.Reader) (*Import, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxImportBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the import file: %w", err)
	}
	var f importFile
	wrong := &f.mistakes
	if err := f.read(bytes.TrimPrefix(text, []byte(byteOrderMark))); err != nil {
		// First, because the others may be consequences of it.
		wrong.Total++
		wrong.Mistakes = slices.Insert(wrong.Mistakes, 0, err.Error())[:min(len(wrong.Mistakes)+1, maxMistakes)]
	}
	if wrong.Total > 0 {
		return nil, wrong
	}
	return &f.rows, nil
}

// importFile is a file being read.
type importFile struct {
	rows     Import
	count    int // rows so far, with and without mistakes
	mistakes ImportError
}

// read reads the file and collects the mistakes in its rows. The error is a mistake that ends the reading.
func (f *importFile) read(text []byte) error {
	if err := checkText(text); err != nil {
		return err
	}
	// The text is valid JSON from here on, so that no call of a decoder fails.
	file := json.NewDecoder(bytes.NewReader(text))
	if token, _ := file.Token(); token != json.Delim('{') {
		return errors.New("the file must be an object, {…}")
	}
	seen := map[string]bool{}
	for file.More() {
		token, _ := file.Token()
		name, _ := token.(string)
		list, known := importLists()[name]
		if !known {
			return errors.New(quoted(name) + " is unknown: there are users, studies and members")
		}
		if seen[name] {
			return errors.New(name + ": the key is repeated")
		}
		seen[name] = true
		if err := f.readList(file, name, list); err != nil {
			return err
		}
	}
	return nil
}

// checkText checks everything that is not about single rows.
func checkText(text []byte) error {
	switch {
	case len(text) > maxImportBytes:
		return errors.New("the file is longer than 64 MiB: split it")
	case len(bytes.TrimSpace(text)) == 0:
		return errors.New("the file is empty")
	case !utf8.Valid(text): // the decoder would replace invalid bytes by U+FFFD
		return errors.New("the file is not UTF-8")
	}
	err := json.Unmarshal(text, &validJSON{})
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		before := text[:max(0, syntax.Offset-1)]
		line, column := 1+bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n')
		return fmt.Errorf("line %d, column %d: %w", line, column, err)
	}
	return err
}

// validJSON accepts any JSON value and does not copy it.
type validJSON struct{}

func (*validJSON) UnmarshalJSON([]byte) error { return nil }

// readList reads a list and keeps the rows without mistakes.
func (f *importFile) readList(file *json.Decoder, name string, list importList) error {
	if token, _ := file.Token(); token != json.Delim('[') {
		return errors.New(name + ": must be a list, […]")
	}
	seen := map[[2]string]int{} // the index of each key
	var raw json.RawMessage     // used again for each row
	for n := 0; file.More(); n++ {
		path := fmt.Sprintf("%s[%d]", name, n)
		if f.count++; f.count > maxImportRows {
			return fmt.Errorf("%s: the file has more than %d rows: split it", path, maxImportRows)
		}
		_ = file.Decode(&raw)
		before := f.mistakes.Total
		values := f.readRow(path, raw, list.fields)
		if f.mistakes.Total > before {
			continue
		}
		var key [2]string
		for i := range list.keys {
			key[i] = *values[i]
		}
		if other, repeated := seen[key]; repeated {
			f.mistakes.add(path, "has the same %s as %s[%d]", names(list.fields[:list.keys]), name, other)
			continue
		}
		seen[key] = n
		list.add(&f.rows, values)
	}
	_, _ = file.Token()
	return nil
}

// readRow returns the values in the order of the fields, and adds the mistakes in the row.
func (f *importFile) readRow(path string, raw []byte, fields []field) []*string {
	values, given := make([]*string, len(fields)), make([]bool, len(fields))
	if raw[0] != '{' {
		f.mistakes.add(path, "must be an object, {…}")
		return values
	}
	row := json.NewDecoder(bytes.NewReader(raw))
	_, _ = row.Token() // {
	for row.More() {
		token, _ := row.Token()
		key, _ := token.(string)
		var value json.RawMessage
		_ = row.Decode(&value)
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == key })
		switch {
		case i < 0:
			f.mistakes.add(path, "%s is unknown: there are %s", quoted(key), names(fields))
			continue
		case given[i]:
			f.mistakes.add(path+"."+key, "the key is repeated")
			continue
		}
		given[i] = true
		var mistake string
		if values[i], mistake = fields[i].read(value); mistake != "" {
			f.mistakes.add(path+"."+key, "%s", mistake)
		}
	}
	for i, field := range fields {
		if !given[i] && !field.optional {
			f.mistakes.add(path+"."+field.name, "is missing")
		}
	}
	return values
}

// names lists the fields' names.
func names(fields []field) string {
	return strings.Join(column(fields, func(f field) string { return f.name }), ", ")
}

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

// quoted returns a text of the file for a message, cut to 60 characters.
func quoted(text string) string {
	const longest = 60
	if runes := []rune(text); len(runes) > longest {
		return strconv.Quote(string(runes[:longest])) + "…"
	}
	return strconv.Quote(text)
}
