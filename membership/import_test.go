package membership_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres/postgrestest"
)

func read(tb testing.TB, text string) *membership.Import {
	tb.Helper()
	rows, err := membership.ReadImport(strings.NewReader(text))
	if err != nil {
		tb.Fatal(err)
	}
	return rows
}

func write(tb testing.TB, pool *pgxpool.Pool, rows *membership.Import) membership.ImportResult {
	tb.Helper()
	result, err := rows.Write(tb.Context(), pool, func(int) {})
	if err != nil {
		tb.Fatal(err)
	}
	return result
}

// contents returns all rows of our own tables, one a line.
func contents(tb testing.TB, pool *pgxpool.Pool) string {
	tb.Helper()
	rows, err := pool.Query(tb.Context(), `
		select u::text from users u union all select s::text from studies s union all select m::text from study_members m order by 1`)
	if err != nil {
		tb.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func TestAnImportInsertsAndUpdatesAndKeepsOtherRows(t *testing.T) {
	t.Parallel()
	pool := example(t)
	imported := write(t, pool, read(t, importFile))
	want := membership.ImportResult{
		Users: membership.Imported{New: 3}, Studies: membership.Imported{New: 2}, Members: membership.Imported{New: 3},
	}
	if imported != want {
		t.Errorf("imported %+v, want %+v", imported, want)
	}
	before := contents(t, pool)
	want = membership.ImportResult{
		Users: membership.Imported{Same: 3}, Studies: membership.Imported{Same: 2}, Members: membership.Imported{Same: 3},
	}
	if again := write(t, pool, read(t, importFile)); again != want || contents(t, pool) != before {
		t.Errorf("again: %+v, want %+v, and\n%s", again, want, contents(t, pool))
	}
	changed := write(t, pool, read(t, `{
		"users": [{"id": "u1", "name": "김철수", "email": "u1@example.com", "status": "ACTIVE"},
		          {"id": "u4", "name": "U4", "email": "u4@example.com", "status": "ACTIVE"}],
		"studies": [{"id": "s1", "name": "자료구조"}, {"id": "s2", "name": "S2"}],
		"members": [{"studyId": "s1", "userId": "u2", "role": "MEMBER", "status": "ACTIVE"},
		            {"studyId": "study-123", "userId": "u4", "role": "MEMBER", "status": "ACTIVE"}]}`))
	want = membership.ImportResult{
		Users: membership.Imported{New: 1, Changed: 1}, Studies: membership.Imported{Changed: 1, Same: 1},
		Members: membership.Imported{New: 1, Changed: 1},
	}
	if changed != want {
		t.Errorf("changed %+v, want %+v", changed, want)
	}
	tables := membership.NewTables(pool)
	users, err := tables.Users(t.Context(), []string{"u1", "u2", "user-456"})
	if err != nil || users["u1"].Avatar != nil || users["u2"].Status != "SUSPENDED" || users["user-456"].Name != "김철수" {
		t.Errorf("Users = %+v, %v", users, err)
	}
	for _, user := range []string{"u2", "u1"} {
		if m, err := tables.Membership(t.Context(), "s1", user); err != nil || m.Status != domain.Active {
			t.Errorf("%s: %+v, %v", user, m, err)
		}
	}
}

func TestAnImportIsAllOrNothing(t *testing.T) {
	t.Parallel()
	pool := example(t)
	exec(t, pool, `insert into users select 'u' || n, 'U', 'e', 'ACTIVE' from generate_series(0, 5999) n`)
	before := contents(t, pool)
	rows := make([]string, 6001)
	for i := range rows {
		study, user := "study-123", fmt.Sprintf("u%d", i)
		switch i {
		case 17:
			study = "nowhere"
		case 5999:
			user = "nobody"
		case 6000: // both at once
			study, user = "nowhere else", "nobody else"
		}
		rows[i] = fmt.Sprintf(`{"studyId": %q, "userId": %q, "role": "MEMBER", "status": "ACTIVE"}`, study, user)
	}
	file := `{"users": [{"id": "new", "name": "U", "email": "e", "status": "ACTIVE"}], "members": [` + strings.Join(rows, ",") + `]}`
	_, err := read(t, file).Write(t.Context(), pool, func(int) {})
	wrong := (*membership.ImportError)(nil)
	if !errors.As(err, &wrong) || wrong.Total != 4 ||
		wrong.Mistakes[0] != `members[17].studyId: "nowhere" is neither in the file nor in the database` ||
		wrong.Mistakes[1] != `members[5999].userId: "nobody" is neither in the file nor in the database` ||
		wrong.Mistakes[2] != `members[6000].studyId: "nowhere else" is neither in the file nor in the database` ||
		wrong.Mistakes[3] != `members[6000].userId: "nobody else" is neither in the file nor in the database` {
		t.Errorf("Write: %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	_, err = read(t, importFile).Write(stopped, pool, func(int) { stop() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if after := contents(t, pool); after != before {
		t.Error("rows were imported")
	}
}

// The imports have the same rows in opposite orders, which would deadlock.
func TestConcurrentImportsRunOneAfterTheOther(t *testing.T) {
	t.Parallel()
	pool := postgrestest.New(t)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			rows := &membership.Import{}
			for i := range 500 {
				n := i
				if worker%2 == 0 {
					n = 499 - i
				}
				rows.Users = append(rows.Users, membership.User{ID: strconv.Itoa(n), Name: strconv.Itoa(worker), Email: "e", Status: "ACTIVE"})
			}
			if _, err := rows.Write(t.Context(), pool, func(int) {}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var names int
	if err := pool.QueryRow(t.Context(), `select count(distinct name) from users`).Scan(&names); err != nil || names != 1 {
		t.Errorf("%d imports are mixed (%v)", names, err)
	}
}

// BenchmarkImport imports 100,000 rows: 30,000 users, and 10,000 studies of six each.
func BenchmarkImport(b *testing.B) {
	rows := &membership.Import{}
	for i := range 30_000 {
		id := fmt.Sprintf("cm3user%018d", i)
		rows.Users = append(rows.Users, membership.User{ID: id, Name: "김철수", Email: id + "@example.com", Status: "ACTIVE"})
	}
	for i := range 10_000 {
		id := fmt.Sprintf("cm3study%017d", i)
		rows.Studies = append(rows.Studies, membership.Study{ID: id, Name: "알고리즘 스터디"})
		for n := range 6 {
			rows.Members = append(rows.Members, membership.Member{
				StudyID: id, UserID: rows.Users[(i*3+n*7)%30_000].ID, Membership: domain.Membership{Role: domain.Member, Status: domain.Active},
			})
		}
	}
	pool := postgrestest.New(b)
	for b.Loop() {
		exec(b, pool, `truncate users, studies, study_members`)
		write(b, pool, rows)
	}
	b.ReportMetric(float64(rows.Rows())*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
