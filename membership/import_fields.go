package membership

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/studycall/studycall/domain"
)

const (
	// maxTextBytes bounds names and addresses, and maxAvatarBytes a URL: more than the web app accepts.
	maxTextBytes   = 1000
	maxAvatarBytes = 2 << 10
)

// importList is a list of an import file.
type importList struct {
	fields []field
	keys   int // the first fields, which together are unique
	add    func(rows *Import, values []*string)
}

// field is a key of a row in an import file.
type field struct {
	name     string
	optional bool                // null is allowed, and the key may be left out
	rule     func(string) string // returns the mistake in a value, "" if there is none
}

func importLists() map[string]importList {
	role := oneOf(string(domain.Owner), string(domain.Admin), string(domain.Member))
	status := oneOf(string(domain.Active), "PENDING", "KICKED", "LEFT")
	return map[string]importList{
		"users": {
			[]field{{"id", false, idRule}, {"name", false, textRule}, {"email", false, textRule}, {"avatar", true, avatarRule}, {"status", false, statusRule}}, 1,
			func(rows *Import, v []*string) {
				if v[3] != nil && isDataURL(*v[3]) {
					v[3] = nil
				}
				rows.Users = append(rows.Users, User{*v[0], *v[1], *v[2], v[3], *v[4]})
			},
		},
		"studies": {
			[]field{{"id", false, idRule}, {"name", false, textRule}}, 1,
			func(rows *Import, v []*string) { rows.Studies = append(rows.Studies, Study{*v[0], *v[1]}) },
		},
		"members": {
			[]field{{"studyId", false, idRule}, {"userId", false, idRule}, {"role", false, role}, {"status", false, status}}, 2,
			func(rows *Import, v []*string) {
				rows.Members = append(rows.Members, Member{*v[0], *v[1], domain.Membership{Role: domain.Role(*v[2]), Status: domain.MemberStatus(*v[3])}})
			},
		},
	}
}

// read returns the string in a JSON value, nil for null, and the mistake in it, "" if there is none.
func (f field) read(raw json.RawMessage) (value *string, mistake string) {
	err := json.Unmarshal(raw, &value)
	if wrongType, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil, "must be a string, not " + wrongType.Value
	}
	switch {
	case value == nil && f.optional:
		return nil, ""
	case value == nil:
		return nil, "must be a string, not null"
	case hasUnpairedSurrogate(string(raw), *value):
		return nil, `has an unpaired surrogate, \uD800 to \uDFFF`
	}
	if mistake = f.rule(*value); mistake != "" {
		mistake = quoted(*value) + " " + mistake
	}
	return value, mistake
}

// hasUnpairedSurrogate reports whether an escaped surrogate lacks its other half. The decoder replaces each of them by U+FFFD,
// which would make one id of several. So the decoded value has more of these than the JSON text.
func hasUnpairedSurrogate(raw, value string) bool {
	decoded := strings.Count(value, "\ufffd")
	if decoded == 0 {
		return false
	}
	escapes := strings.ToLower(strings.ReplaceAll(raw, `\\`, "")) // without escaped backslashes
	return decoded > strings.Count(raw, "\ufffd")+strings.Count(escapes, `\ufffd`)
}

func idRule(id string) string {
	if !PossibleID(id) {
		return fmt.Sprintf("cannot be an id: ids have 1 to %d bytes and no control characters", maxIDBytes)
	}
	// Bidirectional controls (Unicode's UAX #9, section 2) change the order in which characters are displayed.
	if strings.IndexFunc(id, func(r rune) bool { return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 }) >= 0 {
		return "has characters that change the direction of text: it would look like another id"
	}
	return ""
}

func textRule(text string) string {
	if text == "" {
		return "is empty"
	}
	return lengthRule(text, maxTextBytes)
}

// avatarRule accepts data: URLs of any length, because the web app stores them; the import drops them.
func avatarRule(avatar string) string {
	if isDataURL(avatar) {
		return ""
	}
	return lengthRule(avatar, maxAvatarBytes)
}

func lengthRule(text string, limit int) string {
	switch {
	case len(text) > limit:
		return fmt.Sprintf("is longer than %d bytes", limit)
	case strings.IndexFunc(text, unicode.IsControl) >= 0:
		return "has control characters"
	default:
		return ""
	}
}

// isDataURL applies the rule of avatarSQL.
func isDataURL(avatar string) bool {
	const scheme = "data:"
	avatar = strings.TrimLeftFunc(avatar, unicode.IsSpace)
	return len(avatar) >= len(scheme) && strings.EqualFold(avatar[:len(scheme)], scheme)
}

// userStatus is any word in capitals: the web app defines the statuses besides ACTIVE.
var userStatus = regexp.MustCompile(`^[A-Z_]{1,50}$`)

func statusRule(status string) string {
	if !userStatus.MatchString(status) {
		return "is no status such as ACTIVE, SUSPENDED or DELETED"
	}
	return ""
}

func oneOf(words ...string) func(string) string {
	return func(text string) string {
		if slices.Contains(words, text) {
			return ""
		}
		return "is none of " + strings.Join(words, ", ")
	}
}
