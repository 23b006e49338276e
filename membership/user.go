package membership

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// User is a person with an account.
type User struct {
	ID    string
	Name  string
	Email string
	// Avatar is a URL that a browser can load, or nil. It is never a data: URL.
	Avatar *string
	// Status is the account's, in the web app's words.
	Status string
}

// activeAccount is the status of the accounts that may be used.
const activeAccount = "ACTIVE"

// Active reports whether the account may be used at all.
func (u User) Active() bool { return u.Status == activeAccount }

// maxIDBytes is far beyond any id that the web app makes (cuid: 25 bytes), and short enough for any index.
const maxIDBytes = 200

// PossibleID reports whether a text that came from outside can be an id at all: 1 to 200 bytes of UTF-8 without control
// characters. What is not, belongs to nobody and is never sent to a database, which would refuse some of it with an error.
func PossibleID(id string) bool {
	return id != "" && len(id) <= maxIDBytes && utf8.ValidString(id) && strings.IndexFunc(id, unicode.IsControl) < 0
}
