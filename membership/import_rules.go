package membership

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/studycall/studycall/domain"
)

const (
	// longestText is how many bytes names and addresses may have, and longestAvatar a URL: beyond what the web app takes.
	longestText   = 1000
	longestAvatar = 2 << 10
	// longestStatus is that of an account's status.
	longestStatus = 50
)

// field is a key of a row in an import file.
type field struct {
	name     string
	optional bool                // it may be null, or left out
	rule     func(string) string // what is wrong with a value, "" if nothing
}

func userFields() []field {
	return []field{
		{"id", false, idRule}, {"name", false, textRule}, {"email", false, textRule}, {"avatar", true, avatarRule},
		{"status", false, statusRule},
	}
}

func studyFields() []field {
	return []field{{"id", false, idRule}, {"name", false, textRule}}
}

func memberFields() []field {
	return []field{
		{"studyId", false, idRule}, {"userId", false, idRule},
		{"role", false, oneOf(string(domain.Owner), string(domain.Admin), string(domain.Member))},
		{"status", false, oneOf(string(domain.Active), "PENDING", "KICKED", "LEFT")},
	}
}

func idRule(id string) string {
	if !PossibleID(id) {
		return fmt.Sprintf("cannot be an id: those have 1 to %d bytes and no control characters", maxIDBytes)
	}
	if strings.IndexFunc(id, turns) >= 0 {
		return "has characters that turn the direction of text: it would look like another id"
	}
	return ""
}

// turns reports whether a character makes those around it be shown in another order (Unicode's UAX #9, section 2).
func turns(r rune) bool { return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 }

func textRule(text string) string {
	switch {
	case text == "":
		return "is empty"
	case len(text) > longestText:
		return fmt.Sprintf("is longer than %d bytes", longestText)
	case strings.IndexFunc(text, unicode.IsControl) >= 0:
		return "has control characters"
	default:
		return ""
	}
}

// avatarRule lets data: URLs pass at any length, as the web app has them; none is kept, as none is ever shown.
func avatarRule(avatar string) string {
	switch {
	case isPicture(avatar):
		return ""
	case len(avatar) > longestAvatar:
		return fmt.Sprintf("is longer than %d bytes", longestAvatar)
	case strings.IndexFunc(avatar, unicode.IsControl) >= 0:
		return "has control characters"
	default:
		return ""
	}
}

// isPicture is avatarSQL's rule.
func isPicture(avatar string) bool {
	const scheme = "data:"
	avatar = strings.TrimLeftFunc(avatar, unicode.IsSpace)
	return len(avatar) >= len(scheme) && strings.EqualFold(avatar[:len(scheme)], scheme)
}

// statusRule takes any word of the web app's: which others than ACTIVE there are, is its business.
func statusRule(status string) string {
	other := func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') }
	if status == "" || len(status) > longestStatus || strings.IndexFunc(status, other) >= 0 {
		return "is no status such as ACTIVE, SUSPENDED or DELETED"
	}
	return ""
}

func oneOf(words ...string) func(string) string {
	return func(text string) string {
		for _, word := range words {
			if text == word {
				return ""
			}
		}
		return "is none of " + strings.Join(words, ", ")
	}
}
