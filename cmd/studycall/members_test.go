package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// importMembers runs the import with a text as standard input.
func importMembers(ctx context.Context, t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	command := membersCommand{Import: membersImportCommand{stdin: strings.NewReader(stdin)}}
	parser, err := kong.New(&command, kong.Writers(&out, &errs), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(append([]string{"import"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(&streams{&out, slog.New(slog.NewTextHandler(&errs, nil))})
	return out.String(), errs.String(), err
}

const twoMembers = `{
	"users": [
		{"id": "u1", "name": "김철수", "email": "u1@example.com", "avatar": null, "status": "ACTIVE"},
		{"id": "u2", "name": "이영희", "email": "u2@example.com", "status": "ACTIVE"}
	],
	"studies": [{"id": "s1", "name": "알고리즘 스터디"}],
	"members": [
		{"studyId": "s1", "userId": "u1", "role": "OWNER", "status": "ACTIVE"},
		{"studyId": "s1", "userId": "u2", "role": "%s", "status": "ACTIVE"}
	]
}`

func TestMembersImport(t *testing.T) {
	t.Parallel()
	address := postgrestest.NewURL(t)
	database := "--database-url=" + address
	file := filepath.Join(t.TempDir(), "members.json")
	if err := os.WriteFile(file, fmt.Appendf(nil, twoMembers, "MEMBER"), 0o600); err != nil {
		t.Fatal(err)
	}
	pool := openPool(t, address)
	access := membership.NewAccess(membership.NewTables(pool))

	_, _, err := importMembers(t.Context(), t, fmt.Sprintf(twoMembers, "BOSS"), "-", database)
	if err == nil || err.Error() != `nothing is imported from -: members[1].role: "BOSS" is none of OWNER, ADMIN, MEMBER` {
		t.Errorf("a mistake: %v", err)
	}
	if _, err := access.Account(t.Context(), "u1"); err == nil {
		t.Error("part of an invalid file was imported")
	}
	for _, step := range []struct{ stdin, file, want string }{
		{"", file, "users    2 new, 0 changed, 0 unchanged\n  studies  1 new, 0 changed, 0 unchanged\n  members  2 new, 0 changed, 0 unchanged\n"},
		{fmt.Sprintf(twoMembers, "ADMIN"), "-", "users    0 new, 0 changed, 2 unchanged\n  studies  0 new, 0 changed, 1 unchanged\n  members  0 new, 1 changed, 1 unchanged\n"},
	} {
		stdout, stderr, err := importMembers(t.Context(), t, step.stdin, step.file, database)
		if want := regexp.MustCompile(`^Imported in \S+:\n  ` + step.want + `$`); err != nil || !want.MatchString(stdout) {
			t.Errorf("import prints %q and %q (%v), want %v", stdout, stderr, err, want)
		}
		if !strings.Contains(stderr, "msg=importing done=5 of=5") || strings.Contains(stderr, "WARN") {
			t.Errorf("import prints %q", stderr)
		}
	}
	if err := access.SelfOrStaff(t.Context(), "s1", "u2", "u1"); err != nil {
		t.Errorf("the new admin: %v", err)
	}
}

func TestMembersImportErrors(t *testing.T) {
	t.Parallel()
	database := "--database-url=" + postgrestest.NewURL(t)
	empty := "--database-url=" + postgrestest.Empty(t)
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	for name, c := range map[string]struct {
		ctx   context.Context
		stdin string
		args  []string
		want  string
	}{
		"no file":         {t.Context(), "", []string{"/nonexistent.json", database}, "/nonexistent.json"},
		"an unknown user": {t.Context(), `{"members": [{"studyId": "s", "userId": "u", "role": "OWNER", "status": "LEFT"}]}`, []string{"-", database}, "nothing is imported from -: import members: 2 mistakes\n  members[0].studyId: \"s\" is neither in the file nor in the database\n  members[0].userId: \"u\" is neither"},
		"no tables":       {t.Context(), `{}`, []string{"-", empty}, "run studycall migrate first"},
		"interrupted":     {interrupted, fmt.Sprintf(twoMembers, "ADMIN"), []string{"-", database}, "cancel"},
	} {
		if _, _, err := importMembers(c.ctx, t, c.stdin, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestImportAndSeedWarnOfTheWebAppsTables(t *testing.T) {
	t.Parallel()
	address := postgrestest.NewURL(t)
	pool := openPool(t, address)
	if _, err := pool.Exec(t.Context(), `create table "StudyMember" ()`); err != nil {
		t.Fatal(err)
	}
	if _, stderr, err := importMembers(t.Context(), t, `{}`, "-", "--database-url="+address); err != nil || !strings.Contains(stderr, "the imported rows have no effect") {
		t.Errorf("import prints %q (%v)", stderr, err)
	}
	if code, _, stderr := studycall(t, "seed", "--studies=1", "--sessions=1", "--database-url="+address); code != exitOK || !strings.Contains(stderr, "the new members have no effect") {
		t.Errorf("seed: exit %d, %q", code, stderr)
	}
}

// The examples in the help and in docs/membership.md can be imported.
func TestTheDocumentedExamplesCanBeImported(t *testing.T) {
	t.Parallel()
	help := (&membersImportCommand{}).Help()
	doc, err := os.ReadFile("../../docs/membership.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"the help": help, "docs/membership.md": string(doc)} {
		example := regexp.MustCompile(`(?s) *\{\n.*?\n *\}\n`).FindString(text)
		rows, err := membership.ReadImport(strings.NewReader(example))
		if err != nil || len(rows.Users) == 0 || len(rows.Studies) == 0 || len(rows.Members) == 0 {
			t.Errorf("%s: %+v, %v", name, rows, err)
		}
	}
}
