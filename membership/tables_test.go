package membership_test

import (
	"reflect"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// example returns a database of the test's own with the example study.
func example(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	pool := postgrestest.New(tb)
	if seeded, err := membership.SeedExample(tb.Context(), pool); err != nil || !seeded {
		tb.Fatalf("SeedExample = %v, %v", seeded, err)
	}
	return pool
}

func exec(tb testing.TB, pool *pgxpool.Pool, sql string, args ...any) {
	tb.Helper()
	if _, err := pool.Exec(tb.Context(), sql, args...); err != nil {
		tb.Fatal(err)
	}
}

func TestMembership(t *testing.T) {
	t.Parallel()
	tables := membership.NewTables(example(t))
	for _, c := range []struct {
		study, user string
		want        domain.Membership
	}{
		{"study-123", "user-456", domain.Membership{Role: domain.Owner, Status: domain.Active}},
		{"study-123", "user-100", domain.Membership{Role: domain.Admin, Status: domain.Active}},
		{"study-123", "user-789", domain.Membership{Role: domain.Member, Status: domain.Active}},
		{"study-123", "user-900", domain.Membership{Role: domain.Member, Status: "LEFT"}},
		{"study-123", "user-555", domain.Membership{}},
		{"study-123", "nobody", domain.Membership{}},
		{"nowhere", "user-456", domain.Membership{}},
	} {
		if got, err := tables.Membership(t.Context(), c.study, c.user); err != nil || got != c.want {
			t.Errorf("Membership(%q, %q) = %+v, %v, want %+v", c.study, c.user, got, err, c.want)
		}
	}
}

func TestMembershipsReturnsTheExistingOnes(t *testing.T) {
	t.Parallel()
	pool := example(t)
	exec(t, pool, `insert into studies (id, name) values ('other', 'Other')`)
	exec(t, pool, `insert into study_members (study_id, user_id, role, status) values ('other', 'user-789', 'OWNER', 'KICKED')`)
	keys := []membership.Key{
		{StudyID: "study-123", UserID: "user-456"}, {StudyID: "study-123", UserID: "user-900"}, {StudyID: "study-123", UserID: "nobody"},
		{StudyID: "nowhere", UserID: "user-456"}, {StudyID: "other", UserID: "user-789"}, {StudyID: "other", UserID: "user-456"},
	}
	tables := membership.NewTables(pool)
	got, err := tables.Memberships(t.Context(), keys)
	want := map[membership.Key]domain.Membership{
		keys[0]: {Role: domain.Owner, Status: domain.Active}, keys[1]: {Role: domain.Member, Status: "LEFT"},
		keys[4]: {Role: domain.Owner, Status: "KICKED"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Memberships = %+v, %v, want %+v", got, err, want)
	}
	impossible := membership.Key{StudyID: "study-123", UserID: "a\x00b"}
	active, err := membership.NewAccess(tables).ActiveMembers(t.Context(), append(keys, impossible))
	for _, p := range append(keys, impossible) {
		if active[p] != (p == keys[0]) {
			t.Errorf("%+v is active: %t (%v)", p, active[p], err)
		}
	}
}

func TestUsersReturnsTheKnownOnes(t *testing.T) {
	t.Parallel()
	avatar := "https://example.com/avatars/user-456.png"
	got, err := membership.NewTables(example(t)).Users(t.Context(), []string{"user-456", "user-456", "nobody"})
	want := map[string]membership.User{
		"user-456": {ID: "user-456", Name: "김철수", Email: "user-456@example.com", Avatar: &avatar, Status: "ACTIVE"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Users = %+v, %v, want %+v", got, err, want)
	}
}

func TestDataURLsAreNoAvatars(t *testing.T) {
	t.Parallel()
	pool := example(t)
	for _, c := range []struct {
		avatar string
		shown  bool
	}{
		{"data:image/png;base64,AAAA", false},
		{" DATA:,x", false},
		{"https://example.com/data:image", true},
		{"/avatars/database.png", true},
	} {
		exec(t, pool, `update users set avatar = $1 where id = 'user-789'`, c.avatar)
		users, err := membership.NewTables(pool).Users(t.Context(), []string{"user-789"})
		if got := users["user-789"].Avatar; err != nil || (got != nil) != c.shown {
			t.Errorf("the avatar %q is answered as %v, %v; shown: %v", c.avatar, got, err, c.shown)
		}
	}
}

func TestAnUnavailableDatabaseIsNoDomainError(t *testing.T) {
	t.Parallel()
	pool := example(t)
	access := membership.NewAccess(membership.NewTables(pool))
	pool.Close()
	if err := access.ActiveMember(t.Context(), "study-123", "user-456"); !postgres.Unavailable(err) {
		t.Errorf("ActiveMember: %v", err)
	}
	if _, err := access.Account(t.Context(), "user-456"); !postgres.Unavailable(err) {
		t.Errorf("Account: %v", err)
	}
}
