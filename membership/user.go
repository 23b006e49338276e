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
	// Status is the account's status as the web app names it.
	Status string
}

// activeAccount is the status of usable accounts.
const activeAccount = "ACTIVE"

// Active reports whether the account may be used.
func (u User) Active() bool { return u.Status == activeAccount }

// maxIDBytes is far more than the web app's ids have (cuid: 25 bytes), and few enough for any index.
const maxIDBytes = 200

// PossibleID reports whether a text from outside can be an id: 1 to 200 bytes of UTF-8 without control characters. Other texts are
// never sent to the database, which refuses some of them with an error.
func PossibleID(id string) bool {
	return id != "" && len(id) <= maxIDBytes && utf8.ValidString(id) && strings.IndexFunc(id, unicode.IsControl) < 0
}
