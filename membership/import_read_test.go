package membership_test

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

const importFile = `{
	"users": [
		{"id": "u1", "name": "김철수", "email": "u1@example.com", "avatar": "https://example.com/1.png", "status": "ACTIVE"},
		{"id": "u2", "name": "이영희", "email": "u2@example.com", "avatar": null, "status": "SUSPENDED"},
		{"status": "ACTIVE", "email": "u3@example.com", "name": "O\u0027Brien", "id": "u3", "avatar": " Data:image/png;base64,AAAA"}
	],
	"studies": [{"id": "s1", "name": "알고리즘"}, {"id": "s2", "name": "S2"}],
	"members": [
		{"studyId": "s1", "userId": "u1", "role": "OWNER", "status": "ACTIVE"},
		{"studyId": "s1", "userId": "u2", "role": "MEMBER", "status": "KICKED"},
		{"studyId": "s2", "userId": "u1", "role": "ADMIN", "status": "PENDING"}
	]
}`

func TestReadImportReturnsTheRows(t *testing.T) {
	t.Parallel()
	avatar := "https://example.com/1.png"
	want := &membership.Import{
		Users: []membership.User{
			{ID: "u1", Name: "김철수", Email: "u1@example.com", Avatar: &avatar, Status: "ACTIVE"},
			{ID: "u2", Name: "이영희", Email: "u2@example.com", Status: "SUSPENDED"},
			{ID: "u3", Name: "O'Brien", Email: "u3@example.com", Status: "ACTIVE"},
		},
		Studies: []membership.Study{{ID: "s1", Name: "알고리즘"}, {ID: "s2", Name: "S2"}},
		Members: []membership.Member{
			{StudyID: "s1", UserID: "u1", Membership: domain.Membership{Role: domain.Owner, Status: domain.Active}},
			{StudyID: "s1", UserID: "u2", Membership: domain.Membership{Role: domain.Member, Status: "KICKED"}},
			{StudyID: "s2", UserID: "u1", Membership: domain.Membership{Role: domain.Admin, Status: "PENDING"}},
		},
	}
	for _, text := range []string{importFile, "\ufeff" + importFile + "\n\n"} {
		got, err := membership.ReadImport(iotest.OneByteReader(strings.NewReader(text)))
		if err != nil || !reflect.DeepEqual(got, want) || got.Rows() != 8 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for _, text := range []string{`{}`, `{"users": []}`, `{"members": [], "studies": []}`} {
		if got, err := membership.ReadImport(strings.NewReader(text)); err != nil || got.Rows() != 0 {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestSurrogatePairsAndReplacementCharactersAreAccepted(t *testing.T) {
	t.Parallel()
	got, err := membership.ReadImport(strings.NewReader(
		`{"studies": [{"id": "\ud83e\uDD8A\ud83d\ude00 \\ud83d \u202f\ufffd\u2065", "name": "\u202e \\\ud83d\ude00"}]}`))
	want := []membership.Study{{ID: "🦊😀 \\ud83d \u202f\ufffd\u2065", Name: "\u202e \\😀"}}
	if err != nil || !reflect.DeepEqual(got.Studies, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestReadImportNamesTheElementAndFieldOfAMistake(t *testing.T) {
	t.Parallel()
	const user = `"id": "u", "name": "U", "email": "e", "status": "ACTIVE"`
	member := func(role, status string) string {
		return `{"studyId": "s", "userId": "u", "role": "` + role + `", "status": "` + status + `"}`
	}
	long := strings.Repeat("x", 2000)
	for _, c := range []struct{ file, message string }{
		{"", `the file is empty`},
		{"\ufeff \n", `the file is empty`},
		{`{"members": [` + member("OWNER", "ACTIVE") + `, ` + member("BOSS", "ACTIVE") + `]}`, `members[1].role: "BOSS" is none of OWNER, ADMIN, MEMBER`},
		{`{"members": [` + member("owner", "ACTIVE") + `]}`, `members[0].role: "owner" is none of OWNER, ADMIN, MEMBER`},
		{`{"members": [` + member("ADMIN", "GONE") + `]}`, `members[0].status: "GONE" is none of ACTIVE, PENDING, KICKED, LEFT`},
		{`{"members": [` + member("ADMIN", "LEFT") + `, ` + member("OWNER", "ACTIVE") + `]}`, `members[1]: has the same studyId, userId as members[0]`},
		{`{"members": [{"studyId": "s", "userId": "u", "status": "ACTIVE"}]}`, `members[0].role: is missing`},
		{`{"members": [{"studyId": "", "userId": "u", "role": "ADMIN", "status": "LEFT"}]}`, `members[0].studyId: "" cannot be an id`},
		{`{"studies": [{"id": "s", "name": "S"}, {"id": "t", "name": "T"}, {"id": "s", "name": "S"}]}`, `studies[2]: has the same id as studies[0]`},
		{`{"studies": [{"id": "s", "name": ""}]}`, `studies[0].name: "" is empty`},
		{`{"studies": [{"id": "s"}]}`, `studies[0].name: is missing`},
		{`{"studies": [{"id": "a\u0000b", "name": "S"}]}`, `studies[0].id: "a\x00b" cannot be an id: ids have 1 to 200 bytes and no control characters`},
		{`{"studies": [{"id": "s", "name": "S"}, {"id": "\ud83d", "name": "S"}]}`, `studies[1].id: has an unpaired surrogate`},
		{`{"studies": [{"id": "s\ude00\ud83d", "name": "S"}]}`, `studies[0].id: has an unpaired surrogate`},
		{`{"studies": [{"id": "\ud83d\u0041", "name": "S"}]}`, `studies[0].id: has an unpaired surrogate`},
		{`{"studies": [{"id": "s", "name": "\ud83d\ude00\uD83D\\ude00"}]}`, `studies[0].name: has an unpaired surrogate`},
		{`{"studies": [{"id": "s\u202e1", "name": "S"}]}`, `studies[0].id: "s\u202e1" has characters that change the direction of text`},
		{"{\"members\": [{\"studyId\": \"s\", \"userId\": \"\u2066u\", \"role\": \"ADMIN\", \"status\": \"LEFT\"}]}", `members[0].userId: "\u2066u" has characters that change`},
		{`{"users": [{` + user + `, "Avatar": null}]}`, `users[0]: "Avatar" is unknown: there are id, name, email, avatar, status`},
		{`{"users": [{` + user + `, "role": "ADMIN"}]}`, `users[0]: "role" is unknown`},
		{`{"users": [{` + user + `, "name": "V"}]}`, `users[0].name: the key is repeated`},
		{`{"users": [{"id": 7, "name": "U", "email": "e", "status": "ACTIVE"}]}`, `users[0].id: must be a string, not number`},
		{`{"users": [{"id": "u", "name": null, "email": "e", "status": "ACTIVE"}]}`, `users[0].name: must be a string, not null`},
		{`{"users": [{` + user + `, "avatar": {"url": "x"}}]}`, `users[0].avatar: must be a string, not object`},
		{`{"users": [{` + user + `, "avatar": ["x"]}]}`, `users[0].avatar: must be a string, not array`},
		{`{"users": [{` + user + `, "avatar": false}]}`, `users[0].avatar: must be a string, not bool`},
		{`{"users": [{` + user + `, "avatar": "http://e.com/` + long + long + `"}]}`, `… is longer than 2048 bytes`},
		{`{"users": [{"id": "u", "name": "` + long + `", "email": "e", "status": "ACTIVE"}]}`, `… is longer than 1000 bytes`},
		{`{"users": [{"id": "u", "name": "U\n", "email": "e", "status": "ACTIVE"}]}`, `users[0].name: "U\n" has control characters`},
		{`{"users": [{"id": "u", "name": "U", "email": "e", "status": "active"}]}`, `users[0].status: "active" is no status such as ACTIVE, SUSPENDED or DELETED`},
		{`{"users": [null]}`, `users[0]: must be an object, {…}`},
		{`{"users": {}}`, `users: must be a list, […]`},
		{`{"users": null}`, `users: must be a list, […]`},
		{`{"user": []}`, `"user" is unknown: there are users, studies and members`},
		{`{"users": [], "users": []}`, `users: the key is repeated`},
		{`[]`, `the file must be an object, {…}`},
		{`{"users": [{` + user + `}`, `line 1, column 69: unexpected end of JSON input`},
		{`{"users": [{` + user, `line 1, column 68: unexpected end of JSON input`},
		{`{"users": [{` + user + `},]}`, `line 1, column 71: invalid character ']' looking for beginning of value`},
		{"{\n\t\"users\": [\n\t\t{},\n\t]\n}", `line 4, column 2: invalid character ']'`},
		{`{"users": [{"id": 'u'}]}`, `line 1, column 19: invalid character '\'' looking for beginning of value`},
		{`{} {}`, `line 1, column 4: invalid character '{' after top-level value`},
		{`{}]`, `line 1, column 3: invalid character ']' after top-level value`},
		{"{\"users\": [{\"id\": \"\xff\"}]}", `the file is not UTF-8`},
		{"\xff\xfe{\x00}\x00", `the file is not UTF-8`},
		{`{"users": [` + strings.Repeat("[", 20_000), `line 1, column 10010: invalid character '[' exceeded max depth`},
	} {
		got, err := membership.ReadImport(strings.NewReader(c.file))
		if wrong := (*membership.ImportError)(nil); got != nil || !errors.As(err, &wrong) || wrong.Total != 1 ||
			!strings.Contains(err.Error(), c.message) || len(err.Error()) > 250 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.200s\n%v, want %s", c.file, err, c.message)
		}
	}
}

func TestAllMistakesOfAFileAreReported(t *testing.T) {
	t.Parallel()
	_, err := membership.ReadImport(strings.NewReader(`{"studies": [{"name": ""}, {"id": "s", "name": "S", "x": 1}]}`))
	if err == nil || err.Error() != "3 mistakes\n  studies[0].name: \"\" is empty\n  studies[0].id: is missing\n  studies[1]: \"x\" is unknown: there are id, name" {
		t.Errorf("%v", err)
	}
	_, err = membership.ReadImport(strings.NewReader(`{"studies": [` + strings.Repeat(`1, `, 2000) + `1]}`))
	if err == nil || strings.Count(err.Error(), "\n") != 11 || !strings.HasPrefix(err.Error(), "2001 mistakes\n") ||
		!strings.HasSuffix(err.Error(), "\n  and 1991 more") {
		t.Errorf("%v", err)
	}
}

func TestAnImportHasLimits(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is broken")
	if _, err := membership.ReadImport(io.MultiReader(strings.NewReader(`{"users": [`), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
	if testing.Short() {
		t.Skip("-short: a million rows take 5 s")
	}
	rows := strings.NewReader(`{"users": [` + strings.Repeat(`1,`, 1_000_000) + `1]}`)
	if _, err := membership.ReadImport(rows); err == nil || !strings.Contains(err.Error(), " mistakes\n  users[1000000]: the file has more than 1000000 rows: split it\n  users[0]") {
		t.Errorf("too many rows: %v", err)
	}
	spaces := &endless{text: strings.Repeat(" ", 1<<16)}
	if _, err := membership.ReadImport(spaces); err == nil || !strings.Contains(err.Error(), "longer than 64 MiB: split it") || spaces.read > 65<<20 {
		t.Errorf("too many bytes: %v, after %d", err, spaces.read)
	}
}

// endless repeats a text.
type endless struct {
	text string
	read int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		part := copy(p[n:], e.text[e.read%len(e.text):])
		n += part
		e.read += part
	}
	return n, nil
}

// Whatever ReadImport returns keeps the rules.
func FuzzReadImport(f *testing.F) {
	for _, text := range []string{
		importFile, `{}`, `{"users": [{"id": "\ud800", "name": "x", "email": "y", "status": "A"}]}`, `{"users":[{}]}`, `[[[`, "\ufeff{}",
		`{"members": [{"studyId": "s", "userId": "u", "role": "OWNER", "status": "LEFT", "status": "LEFT"}]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := membership.ReadImport(strings.NewReader(string(text)))
		if err != nil {
			if wrong := (*membership.ImportError)(nil); !errors.As(err, &wrong) || wrong.Total == 0 || len(wrong.Mistakes) == 0 {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		seen := map[string]bool{}
		once := func(key string) {
			if seen[key] {
				t.Errorf("%q is repeated", key)
			}
			seen[key] = true
		}
		for _, u := range got.Users {
			once("u\x00" + u.ID)
			if !membership.PossibleID(u.ID) || u.Name == "" || u.Email == "" || u.Status == "" {
				t.Errorf("%+v", u)
			}
		}
		for _, s := range got.Studies {
			once("s\x00" + s.ID)
			if !membership.PossibleID(s.ID) || s.Name == "" {
				t.Errorf("%+v", s)
			}
		}
		for _, m := range got.Members {
			once("m\x00" + m.StudyID + "\x00" + m.UserID)
			if !membership.PossibleID(m.StudyID) || !membership.PossibleID(m.UserID) || m.Membership == (domain.Membership{}) {
				t.Errorf("%+v", m)
			}
		}
	})
}
