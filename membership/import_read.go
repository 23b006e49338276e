package membership

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/studycall/studycall/domain"
)

const (
	// maxImportBytes and maxImportRows bound the memory of an import, to 440 MB (measured), as the text and what is
	// read of it are there at once. Whatever is larger can be split: imports add up.
	maxImportBytes = 64 << 20
	maxImportRows  = 1_000_000
	// byteOrderMark is what some editors put before a text.
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
// Each list may be left out, and of a row only the avatar may, for a row says all of what there is to be. No key may be
// there twice, or be any other; no id may be twice in its list, nor a user twice in a study. Roles are OWNER, ADMIN and
// MEMBER, statuses of members ACTIVE, PENDING, KICKED and LEFT, those of users any of the web app's. Avatars that are
// pictures themselves (data: URLs) are taken for none, as they are never shown.
//
// The file is UTF-8 of up to 64 MiB, with up to a million rows in all. The error is an *ImportError about what is wrong
// with it, and else the reader's.
func ReadImport(r io.Reader) (*Import, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxImportBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the import file: %w", err)
	}
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	file := &importFile{text: text, json: json.NewDecoder(bytes.NewReader(text)), seen: map[[2]string]int{}}
	if err := file.read(); err != nil {
		file.wrong.addFirst(file.at, file.reason(err)) // others may be for its sake
	}
	if err := file.wrong.orNil(); err != nil {
		return nil, err
	}
	return &file.rows, nil
}

// importFile is a file being read.
type importFile struct {
	text  []byte
	json  *json.Decoder
	at    string // the path to where it is
	rows  Import
	count int
	seen  map[[2]string]int // the place of each key in the list being read
	wrong ImportError
}

// formError is a file that is not of the form at all; what follows would be misread.
type formError string

func (e formError) Error() string { return string(e) }

// reason is what is told of an error that ended the reading.
func (f *importFile) reason(err error) string {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the file ends in the middle"
	case errors.As(err, &syntax):
		return fmt.Sprintf("%v, in line %d or soon after", syntax, f.line(int(f.json.InputOffset())))
	default:
		return err.Error()
	}
}

// line is the number of the line in which a byte is.
func (f *importFile) line(offset int) int { return 1 + bytes.Count(f.text[:offset], []byte("\n")) }

func (f *importFile) read() error {
	if len(f.text) > maxImportBytes {
		return formError("the file is longer than 64 MiB: split it")
	}
	if len(bytes.TrimSpace(f.text)) == 0 {
		return formError("the file is empty")
	}
	if !utf8.Valid(f.text) { // the decoder would put U+FFFD in the place of what is not
		return formError("the file is not UTF-8")
	}
	if err := f.delimiter('{', "the file has to be an object, {…}"); err != nil {
		return err
	}
	lists := map[string]bool{}
	for f.json.More() {
		token, err := f.json.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string) // keys are nothing else
		if lists[name] {
			return formError(quoted(name) + " is there twice")
		}
		lists[name] = true
		if err := f.list(name); err != nil {
			return err
		}
		f.at = ""
	}
	if err := f.delimiter('}', ""); err != nil {
		return err
	}
	if _, err := f.json.Token(); !errors.Is(err, io.EOF) {
		return formError("something follows the end of the object")
	}
	return nil
}

// list reads the list with a name.
func (f *importFile) list(name string) error {
	switch name {
	case "users":
		return f.each(name, userFields(), 1, func(v []*string) {
			avatar := v[3]
			if avatar != nil && isPicture(*avatar) {
				avatar = nil
			}
			f.rows.Users = append(f.rows.Users, User{*v[0], *v[1], *v[2], avatar, *v[4]})
		})
	case "studies":
		return f.each(name, studyFields(), 1, func(v []*string) {
			f.rows.Studies = append(f.rows.Studies, Study{*v[0], *v[1]})
		})
	case "members":
		return f.each(name, memberFields(), 2, func(v []*string) {
			place := domain.Membership{Role: domain.Role(*v[2]), Status: domain.MemberStatus(*v[3])}
			f.rows.Members = append(f.rows.Members, Member{*v[0], *v[1], place})
		})
	default:
		return formError(quoted(name) + " is unknown: there are users, studies and members")
	}
}

// each reads a list's rows, of which the first fields are the key, and takes those in which nothing is wrong.
func (f *importFile) each(list string, fields []field, key int, take func(values []*string)) error {
	f.at = list
	if err := f.delimiter('[', "has to be a list, […]"); err != nil {
		return err
	}
	clear(f.seen)
	for n := 0; f.json.More(); n++ {
		f.at = fmt.Sprintf("%s[%d]", list, n)
		if f.count++; f.count > maxImportRows {
			return formError(fmt.Sprintf("the file has more than %d rows: split it", maxImportRows))
		}
		var raw json.RawMessage
		if err := f.json.Decode(&raw); err != nil {
			return err
		}
		before := f.wrong.Total
		values := f.row(raw, fields)
		if f.wrong.Total > before {
			continue
		}
		if other, twice := f.known(values[:key], n); twice {
			f.wrong.add(f.at, "is of the same %s as %s[%d]", named(fields[:key]), list, other)
			continue
		}
		take(values)
	}
	f.at = list
	return f.delimiter(']', "")
}

// known is the place at which the key was seen before.
func (f *importFile) known(key []*string, n int) (other int, twice bool) {
	var text [2]string
	for i, part := range key {
		text[i] = *part
	}
	other, twice = f.seen[text]
	if !twice {
		f.seen[text] = n
	}
	return other, twice
}

// delimiter reads a bracket; the message is for when something else is there.
func (f *importFile) delimiter(want json.Delim, message string) error {
	token, err := f.json.Token()
	if err != nil {
		return err
	}
	if token != want {
		return formError(message)
	}
	return nil
}
