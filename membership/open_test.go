package membership_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// TestWhereMembersAreLookedFor: a URL goes before the same database, and that before our own tables.
func TestWhereMembersAreLookedFor(t *testing.T) {
	t.Parallel()
	elsewhere, address := webApp(t)
	exec(t, elsewhere, `update "User" set name = 'elsewhere'`)
	pool := example(t)
	for _, step := range []struct {
		prepare func()
		address string
		user    string
		name    string
		ours    bool
		where   string
	}{
		{func() {}, "", "user-456", "김철수", true, "our own tables"},
		{func() {}, address, webOwner, "elsewhere", false, "read-only"},
		{func() {
			script(t, pool, "webapp/schema.sql")
			script(t, pool, "webapp/people.sql")
		}, "", webOwner, "김민수", false, "in our own database"},
		{func() {}, address, webOwner, "elsewhere", false, "read-only"},
	} {
		step.prepare()
		source, err := membership.Open(t.Context(), pool, step.address)
		if err != nil {
			t.Fatal(err)
		}
		users, err := source.Users(t.Context(), []string{step.user})
		if err != nil || users[step.user].Name != step.name || source.Ours != step.ours || !strings.Contains(source.Description, step.where) {
			t.Errorf("%q: %+v (%v), ours: %v, %q", step.address, users, err, source.Ours, source.Description)
		}
		source.Close()
	}
}

func TestWhatIsMissingInTheWebAppsTablesIsNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		change string
		says   []string
	}{
		{`drop table "StudyMember", "Study" cascade; drop table "User" cascade`,
			[]string{`table "User" is missing; table "Study" is missing; table "StudyMember" is missing.`, "migrations", "grant select"}},
		{`alter table "User" drop column avatar, drop column status; alter table "StudyMember" rename "userId" to user_id`,
			[]string{`column "User"."avatar" is missing; column "User"."status" is missing; column "StudyMember"."userId" is missing.`}},
		{`alter table "StudyMember" drop constraint "StudyMember_studyId_fkey"; drop table "Study"`,
			[]string{`: table "Study" is missing.`}},
		{`delete from "StudyMember"; alter table "StudyMember" drop constraint "StudyMember_userId_fkey"; alter table "StudyMember" alter "userId" type integer using 0`,
			[]string{`column "StudyMember"."userId" is of type integer, not text.`}},
		{`alter table "User" rename to users`, []string{`table "User" is missing.`}},
	} {
		pool, address := webApp(t)
		exec(t, pool, c.change)
		_, err := membership.Open(t.Context(), nil, address)
		if err == nil {
			t.Errorf("%s: no error", c.change)
			continue
		}
		for _, says := range c.says {
			if !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s:\n%v\nwant %q", c.change, err, says)
			}
		}
	}
}

func TestWhatMayNotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	pool, address := webApp(t)
	reader := newReader(t, pool, address)
	exec(t, pool, `grant select on "User", "Study" to `+reader.name)
	_, err := membership.Open(t.Context(), nil, reader.address)
	if err == nil || !strings.Contains(err.Error(), `as user "`+reader.name+`": column "StudyMember"."studyId" may not be read; `) ||
		!strings.Contains(err.Error(), "grant select on") || strings.Contains(err.Error(), "secret") {
		t.Errorf("Open: %v", err)
	}
}

// TestHalfOfTheWebAppsTablesInOurDatabaseAreAnError, so that nobody is looked for in tables that nobody fills.
func TestHalfOfTheWebAppsTablesInOurDatabaseAreAnError(t *testing.T) {
	t.Parallel()
	pool := example(t)
	exec(t, pool, `create table "StudyMember" ("studyId" text, "userId" text, role text)`)
	_, err := membership.Open(t.Context(), pool, "")
	if err == nil || !strings.Contains(err.Error(), `table "User" is missing; table "Study" is missing; column "StudyMember"."status" is missing`) {
		t.Errorf("Open: %v", err)
	}
}

// TestNothingCanBeWrittenToTheWebAppsDatabase: not even by a statement that tries, as a user that may.
func TestNothingCanBeWrittenToTheWebAppsDatabase(t *testing.T) {
	t.Parallel()
	pool, address := webApp(t)
	exec(t, pool, `create function read_and_write() returns text language plpgsql as $$
		begin
			insert into "User" (id, email, "updatedAt") values ('x', 'x', now());
			return 'x';
		end $$`)
	exec(t, pool, `alter table "StudyMember" rename to everybody`)
	exec(t, pool, `create view "StudyMember" as select "studyId", "userId", read_and_write() as role, status from everybody`)
	source, err := membership.Open(t.Context(), nil, address)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	_, err = source.Membership(t.Context(), webStudy, webOwner)
	if refused := (*pgconn.PgError)(nil); !errors.As(err, &refused) || refused.Code != "25006" {
		t.Errorf("a look-up that writes: %v", err)
	}
	var there bool
	if err := pool.QueryRow(t.Context(), `select exists (select from "User" where id = 'x')`).Scan(&there); err != nil || there {
		t.Errorf("it has written: %v, %v", there, err)
	}
}

// TestTheWebAppsURLIsTakenAsItIs: with parameters that only Prisma knows.
func TestTheWebAppsURLIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	address := postgrestest.Empty(t)
	pool := connect(t, address)
	exec(t, pool, `create schema "Web App"`)
	script(t, connect(t, with(t, address, "search_path", `"Web App"`)), "webapp/schema.sql")
	prisma := address
	for name, value := range map[string]string{
		"schema": "Web App", "connection_limit": "3", "pool_timeout": "10", "socket_timeout": "5", "statement_cache_size": "0",
		"sslaccept": "accept_invalid_certs", "pgbouncer": "false",
	} {
		prisma = with(t, prisma, name, value)
	}
	source, err := membership.Open(t.Context(), nil, strings.Replace(prisma, "postgres://", "postgresql://", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	if m, err := source.Membership(t.Context(), "s", "u"); err != nil || m != (domain.Membership{}) {
		t.Errorf("Membership = %+v, %v", m, err)
	}
}

func TestMistakesInTheWebAppsURLAreSaid(t *testing.T) {
	t.Parallel()
	for address, says := range map[string]string{
		"postgres://user:secret@127.0.0.1:1/webapp":                "(--membership-url): connecting to database \"webapp\"",
		"postgres://user:secret@127.0.0.1:1/webapp?pgbouncer=true": "directUrl",
		"prisma://accelerate.example.com/?api_key=secret":          "postgres://user:password@host:5432/database, not prisma://…",
		"postgres://user:secret@host:port/":                        "cannot be read",
	} {
		_, err := membership.Open(t.Context(), nil, address)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
	pool := example(t)
	pool.Close()
	if _, err := membership.Open(t.Context(), pool, ""); !postgres.Unavailable(err) {
		t.Errorf("our own database is away: %v", err)
	}
}

func with(t *testing.T, address, name, value string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	values := u.Query()
	values.Set(name, value)
	u.RawQuery = strings.ReplaceAll(values.Encode(), "+", "%20")
	return u.String()
}
