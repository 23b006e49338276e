package membership_test

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

func TestOpenPrefersTheURLThenTheWebAppsTablesThenOurs(t *testing.T) {
	t.Parallel()
	webAppPool, address := webApp(t)
	exec(t, webAppPool, `update "User" set name = 'elsewhere'`)
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

func TestOpenNamesMissingTablesAndColumns(t *testing.T) {
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
			[]string{`column "StudyMember"."userId" is of type integer, not text or varchar.`}},
		{`alter table "User" alter name type integer using 0, alter email type text[] using array[id], alter avatar type bytea using null;
			alter table "Study" alter id type char(25); alter table "StudyMember" alter role drop default, alter role type integer using 0, alter status drop default, alter status type boolean using true`,
			[]string{`column "User"."name" is of type integer, not a text; column "User"."email" is of type text[], not a text; ` +
				`column "User"."avatar" is of type bytea, not a text; column "Study"."id" is of type character(25), not text or varchar; ` +
				`column "StudyMember"."role" is of type integer, not an enumeration, text or varchar; ` +
				`column "StudyMember"."status" is of type boolean, not an enumeration, text or varchar.`}},
		{`alter table "StudyMember" drop constraint "StudyMember_studyId_fkey"; delete from "StudyMember"; alter table "StudyMember" alter "studyId" type uuid using gen_random_uuid()`,
			[]string{`column "StudyMember"."studyId" is of type uuid, not text or varchar.`}},
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

func TestOpenNamesUnreadableColumns(t *testing.T) {
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

// Otherwise, members would be looked up in our own tables, which are empty then.
func TestOpenRefusesADatabaseWithSomeOfTheWebAppsTables(t *testing.T) {
	t.Parallel()
	pool := example(t)
	exec(t, pool, `create table "StudyMember" ("studyId" text, "userId" text, role text)`)
	_, err := membership.Open(t.Context(), pool, "")
	if err == nil || !strings.Contains(err.Error(), `table "User" is missing; table "Study" is missing; column "StudyMember"."status" is missing`) {
		t.Errorf("Open: %v", err)
	}
}

// A user with the right to write cannot write over these connections.
func TestConnectionsToTheWebAppsDatabaseAreReadOnly(t *testing.T) {
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

func TestOpenAcceptsOtherTextTypesThanPrismasDefaults(t *testing.T) {
	t.Parallel()
	pool := connect(t, postgrestest.Empty(t))
	exec(t, pool, `create domain word as text check (value <> '');
		create table "User" (id varchar(30) primary key, name varchar(50), email word, avatar text, status varchar(20));
		create table "Study" (id word primary key);
		create table "StudyMember" ("studyId" text, "userId" varchar, role word, status text);
		insert into "User" values ('u', 'Ann', 'a@example.com', null, 'ACTIVE'), ('v', null, null, null, null);
		insert into "Study" values ('s');
		insert into "StudyMember" values ('s', 'u', 'OWNER', 'ACTIVE'), ('s', 'v', null, null)`)
	source, err := membership.Open(t.Context(), pool, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(source.Warnings) > 0 {
		t.Errorf("warnings: %q", source.Warnings)
	}
	access := membership.NewAccess(source)
	if err := access.ActiveMember(t.Context(), "s", "u"); err != nil {
		t.Error(err)
	}
	// Where there is no status, nobody is active; but a member who is not active was one.
	if err := access.ActiveMember(t.Context(), "s", "v"); !errors.Is(err, domain.ErrNotStudyMember) {
		t.Errorf("a member without a status: %v", err)
	}
	if err := access.EverMember(t.Context(), "s", "v"); err != nil {
		t.Errorf("a member without a status, ever: %v", err)
	}
	if active, err := access.ActiveMembers(t.Context(), []membership.Key{{StudyID: "s", UserID: "v"}}); err != nil || active[membership.Key{StudyID: "s", UserID: "v"}] {
		t.Errorf("members without a status: %v, %v", active, err)
	}
	if account, err := access.Account(t.Context(), "v"); err != nil || account.Active() {
		t.Errorf("an account without a status: %+v, %v", account, err)
	}
}

// Without a policy for its user, the service sees no row; with one, it may not see all.
func TestRowLevelSecurityIsAnErrorOrADoubt(t *testing.T) {
	t.Parallel()
	pool, address := webApp(t)
	reader := newReader(t, pool, address)
	exec(t, pool, `grant select on "User", "Study", "StudyMember" to `+reader.name)
	exec(t, pool, `alter table "StudyMember" enable row level security; create policy others on "StudyMember" for select to postgres using (true)`)
	_, err := membership.Open(t.Context(), nil, reader.address)
	if err == nil || !strings.Contains(err.Error(), `: table "StudyMember" hides every row by row level security (create policy`) || strings.Contains(err.Error(), `"User" hides`) {
		t.Errorf("no policy: %v", err)
	}
	exec(t, pool, `create policy most on "StudyMember" for select using ("userId" <> '`+webMember+`')`)
	source, err := membership.Open(t.Context(), nil, reader.address)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	if len(source.Warnings) != 1 || !strings.HasPrefix(source.Warnings[0], `table "StudyMember" has row level security: `) {
		t.Errorf("warnings: %q", source.Warnings)
	}
	owner, err := membership.Open(t.Context(), nil, address) // whom policies do not bind
	if err != nil || len(owner.Warnings) > 0 {
		t.Fatalf("its owner: %+v, %v", owner, err)
	}
	owner.Close()
}

// Of the parameters that only Prisma knows, the schema matters: another schema has other users with the same ids.
func TestOpenAcceptsThePrismaURL(t *testing.T) {
	t.Parallel()
	address := postgrestest.Empty(t)
	pool := connect(t, address)
	script(t, pool, "webapp/schema.sql")
	script(t, pool, "webapp/people.sql")
	const otherSchemaSQL = `create schema %[1]s;
		create table %[1]s."User" (id text, name text, email text, avatar text, status text);
		create table %[1]s."Study" (id text);
		create table %[1]s."StudyMember" ("studyId" text, "userId" text, role text, status text);
		insert into %[1]s."User" values ('%[2]s', '%[3]s', '', null, 'ACTIVE');
		insert into %[1]s."Study" values ('%[4]s');
		insert into %[1]s."StudyMember" values ('%[4]s', '%[2]s', 'ADMIN', 'KICKED')`
	for schema, name := range map[string]string{`staging`: "of staging", `"Web App"`: "of the app"} {
		exec(t, pool, fmt.Sprintf(otherSchemaSQL, schema, webOwner, name, webStudy))
	}
	exec(t, pool, `alter database `+pool.Config().ConnConfig.Database+` set search_path = staging`)
	for schema, want := range map[string]struct {
		name  string
		place domain.Membership
	}{
		"":        {"김민수", domain.Membership{Role: domain.Owner, Status: domain.Active}}, // public, as Prisma has it
		"public":  {"김민수", domain.Membership{Role: domain.Owner, Status: domain.Active}},
		"staging": {"of staging", domain.Membership{Role: domain.Admin, Status: "KICKED"}},
		"Web App": {"of the app", domain.Membership{Role: domain.Admin, Status: "KICKED"}},
	} {
		prisma := address
		for name, value := range map[string]string{
			"schema": schema, "connection_limit": "3", "pool_timeout": "10", "socket_timeout": "5", "statement_cache_size": "0",
			"sslaccept": "accept_invalid_certs", "pgbouncer": "false", "sslcert": "../ca.pem", "sslidentity": "client.p12", "sslpassword": "hush",
			"max_connection_lifetime": "60", "max_idle_connection_lifetime": "30", "single_use_connections": "false", "connect_timeout": "7",
		} {
			prisma = with(t, prisma, name, value)
		}
		source, err := membership.Open(t.Context(), nil, strings.Replace(prisma, "postgres://", "postgresql://", 1))
		if err != nil {
			t.Fatal(err)
		}
		users, err := source.Users(t.Context(), []string{webOwner})
		if err != nil || users[webOwner].Name != want.name {
			t.Errorf("schema %q: Users = %+v, %v", schema, users, err)
		}
		if m, err := source.Membership(t.Context(), webStudy, webOwner); err != nil || m != want.place {
			t.Errorf("schema %q: Membership = %+v, %v", schema, m, err)
		}
		ignored := []string{
			"max_connection_lifetime", "max_idle_connection_lifetime", "pool_timeout", "single_use_connections", "socket_timeout", "sslcert",
			"sslidentity", "sslpassword", "statement_cache_size",
		}
		if !slices.Equal(source.Ignored, ignored) || !strings.Contains(source.Description, "schema "+cmp.Or(schema, "public")+",") {
			t.Errorf("schema %q: ignored %q, %q", schema, source.Ignored, source.Description)
		}
		source.Close()
	}
	_, err := membership.Open(t.Context(), nil, with(t, address, "schema", "nowhere"))
	if err == nil || !strings.Contains(err.Error(), `schema "nowhere", as user`) || !strings.Contains(err.Error(), `table "User" is missing`) {
		t.Errorf("a schema that is not there: %v", err)
	}
}

func TestMistakesInTheWebAppsURLAreNamed(t *testing.T) {
	t.Parallel()
	for address, says := range map[string]string{
		"postgres://user:secret@127.0.0.1:1/webapp":                "(--membership-url): connect to database \"webapp\"",
		"postgres://user:secret@127.0.0.1:1/webapp?pgbouncer=true": "directUrl",
		"prisma://accelerate.example.com/?api_key=secret":          "postgres://user:password@host:5432/database, not prisma://…",
		"postgres://user:secret@host:port/":                        "is invalid",
	} {
		_, err := membership.Open(t.Context(), nil, address)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
	pool := example(t)
	pool.Close()
	if _, err := membership.Open(t.Context(), pool, ""); !postgres.Unavailable(err) {
		t.Errorf("our own database is unavailable: %v", err)
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
