package membership_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// The users in testdata/webapp, and their study.
const (
	webStudy    = "cm3study0000008l5a1b2c3d4"
	webOwner    = "cm3owner0000008l5a1b2c3d4"
	webAdmin    = "cm3admin0000008l5a1b2c3d4"
	webMember   = "cm3member000008l5a1b2c3d4"
	webAsking   = "cm3asking000008l5a1b2c3d4"
	webKicked   = "cm3kicked000008l5a1b2c3d4"
	webOutsider = "cm3outside00008l5a1b2c3d4"
	webNameless = "cm3nameless0008l5a1b2c3d4"
)

// script runs a file of testdata.
func script(tb testing.TB, pool *pgxpool.Pool, name string) {
	tb.Helper()
	sql, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	exec(tb, pool, string(sql))
}

func connect(tb testing.TB, address string) *pgxpool.Pool {
	tb.Helper()
	pool, err := postgres.Connect(tb.Context(), address, postgres.WithMaxConns(4))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

// webApp returns the web app's database and its URL.
func webApp(tb testing.TB) (*pgxpool.Pool, string) {
	tb.Helper()
	address := postgrestest.Empty(tb)
	pool := connect(tb, address)
	script(tb, pool, "webapp/schema.sql")
	script(tb, pool, "webapp/people.sql")
	return pool, address
}

func TestWebAppReturnsMembersAndUsers(t *testing.T) {
	t.Parallel()
	pool, _ := webApp(t)
	app := membership.NewWebApp(pool)
	for user, want := range map[string]domain.Membership{
		webOwner:    {Role: domain.Owner, Status: domain.Active},
		webAdmin:    {Role: domain.Admin, Status: domain.Active},
		webMember:   {Role: domain.Member, Status: domain.Active},
		webAsking:   {Role: domain.Member, Status: "PENDING"},
		webKicked:   {Role: domain.Member, Status: "KICKED"},
		webOutsider: {},
		"nobody":    {},
	} {
		if got, err := app.Membership(t.Context(), webStudy, user); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", user, got, err, want)
		}
	}
	avatar := "https://cdn.example.com/minsu.png"
	got, err := app.Users(t.Context(), []string{webOwner, webAdmin, webNameless, "nobody"})
	want := map[string]membership.User{
		webOwner:    {ID: webOwner, Name: "김민수", Email: "minsu@example.com", Avatar: &avatar, Status: "ACTIVE"},
		webAdmin:    {ID: webAdmin, Name: "박지원", Email: "jiwon@example.com", Status: "ACTIVE"},
		webNameless: {ID: webNameless, Email: "nameless@example.com", Status: "ACTIVE"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Users = %+v, %v, want %+v", got, err, want)
	}
}

// This holds without foreign keys as well, which Prisma need not create.
func TestDeletedUsersAndStudiesOfTheWebAppAreNotFound(t *testing.T) {
	t.Parallel()
	pool, _ := webApp(t)
	app := membership.NewWebApp(pool)
	exec(t, pool, `delete from "User" where id = $1`, webMember)
	if users, err := app.Users(t.Context(), []string{webMember}); err != nil || len(users) != 0 {
		t.Errorf("a deleted user: %+v, %v", users, err)
	}
	if m, err := app.Membership(t.Context(), webStudy, webMember); err != nil || m.Active() {
		t.Errorf("a deleted user's membership: %+v, %v", m, err)
	}
	exec(t, pool, `alter table "StudyMember" drop constraint "StudyMember_studyId_fkey"`)
	exec(t, pool, `delete from "Study" where id = $1`, webStudy)
	if m, err := app.Membership(t.Context(), webStudy, webOwner); err != nil || m.Active() {
		t.Errorf("the owner of a deleted study: %+v, %v", m, err)
	}
}

// Over random users, both directories return the same.
func TestTablesAndWebAppReturnTheSameForTheSameData(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	script(t, pool, "webapp/schema.sql")
	random := rand.New(rand.NewPCG(4, 2))
	pick := func(words ...string) string { return words[random.IntN(len(words))] }
	var studies, users []string
	for i := range 40 {
		id := fmt.Sprintf("사용자-%d", i)
		users = append(users, id)
		var avatar *string
		if text := pick("", "https://example.com/a.png", "data:image/png;base64,AA", "\tDATA:,x", "/data:", "x"); text != "" {
			avatar = &text
		}
		name, status := pick("김철수", "O'Brien", "a\"b", "  "), pick("ACTIVE", "ACTIVE", "SUSPENDED", "DELETED")
		exec(t, pool, `insert into users values ($1, $2, $3, $4, $5)`, id, name, id+"@example.com", avatar, status)
		exec(t, pool, `insert into "User" (id, name, email, avatar, status, "updatedAt") values ($1, $2, $3, $4, $5::text::"UserStatus", now())`,
			id, name, id+"@example.com", avatar, status)
	}
	for i := range 5 {
		id := fmt.Sprintf("study-%d", i)
		studies = append(studies, id)
		exec(t, pool, `insert into studies values ($1, 'S')`, id)
		exec(t, pool, `insert into "Study" (id, "ownerId", name, description, "updatedAt") values ($1, $2, 'S', '', now())`, id, users[0])
		for _, user := range users {
			if random.IntN(3) == 0 {
				continue
			}
			role, status := pick("OWNER", "ADMIN", "MEMBER"), pick("ACTIVE", "PENDING", "KICKED", "LEFT")
			exec(t, pool, `insert into study_members values ($1, $2, $3, $4)`, id, user, role, status)
			exec(t, pool, `insert into "StudyMember" (id, "studyId", "userId", role, status)
				values (gen_random_uuid(), $1, $2, $3::text::"MemberRole", $4::text::"MemberStatus")`, id, user, role, status)
		}
	}
	users, studies = append(users, "nobody"), append(studies, "nowhere")

	ours, theirs := membership.NewTables(pool), membership.NewWebApp(pool)
	want, err := ours.Users(t.Context(), users)
	got, webErr := theirs.Users(t.Context(), users)
	if err != nil || webErr != nil || len(want) != len(users)-1 || !reflect.DeepEqual(got, want) {
		t.Errorf("the web app's users are %+v (%v), want %+v (%v)", got, webErr, want, err)
	}
	var keys []membership.Key
	for _, study := range studies {
		for _, user := range users {
			keys = append(keys, membership.Key{StudyID: study, UserID: user})
			want, err := ours.Membership(t.Context(), study, user)
			got, webErr := theirs.Membership(t.Context(), study, user)
			if err != nil || webErr != nil || got != want {
				t.Errorf("%s in %s: %+v (%v), want %+v (%v)", user, study, got, webErr, want, err)
			}
		}
	}
	for name, directory := range map[string]membership.Directory{"ours": ours, "theirs": theirs} {
		all, err := directory.Memberships(t.Context(), keys)
		for _, p := range keys {
			if one, oneErr := directory.Membership(t.Context(), p.StudyID, p.UserID); err != nil || oneErr != nil || all[p] != one {
				t.Errorf("%s, %+v: together %+v (%v), alone %+v (%v)", name, p, all[p], err, one, oneErr)
			}
		}
	}
}

// The database user may read the ten columns and nothing more.
func TestWebAppNeedsOnlySelectOnTenColumns(t *testing.T) {
	t.Parallel()
	pool, address := webApp(t)
	reader := newReader(t, pool, address)
	for _, grant := range []string{
		`("id", "name", "email", "avatar", "status") on "User"`, `("id") on "Study"`,
		`("studyId", "userId", "role", "status") on "StudyMember"`,
	} {
		exec(t, pool, `grant select `+grant+` to `+reader.name)
	}
	source, err := membership.Open(t.Context(), nil, reader.address)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	if m, err := source.Membership(t.Context(), webStudy, webOwner); err != nil || m.Role != domain.Owner {
		t.Errorf("Membership = %+v, %v", m, err)
	}
	if users, err := source.Users(t.Context(), []string{webOwner}); err != nil || len(users) != 1 {
		t.Errorf("Users = %+v, %v", users, err)
	}
}

// reader is a database user without rights on the web app's tables.
type reader struct{ name, address string }

func newReader(t *testing.T, pool *pgxpool.Pool, address string) reader {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	name := "reader_" + strings.TrimPrefix(u.Path, "/")
	exec(t, pool, `create role `+name+` login password 'secret'`)
	t.Cleanup(func() {
		over := context.WithoutCancel(t.Context())
		if _, err := pool.Exec(over, `drop owned by `+name+`; drop role `+name); err != nil {
			t.Error(err)
		}
	})
	u.User = url.UserPassword(name, "secret")
	return reader{name, u.String()}
}
