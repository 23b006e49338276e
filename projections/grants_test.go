package projections_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
)

// role creates a role without any rights, and drops it when the test ends.
func (srv *server) role() string {
	srv.t.Helper()
	name := "reader_" + strings.ToLower(rand.Text())
	srv.exec(`create role ` + name)
	srv.t.Cleanup(func() {
		if _, err := srv.pool.Exec(context.WithoutCancel(srv.t.Context()), `drop owned by `+name+`; drop role `+name); err != nil {
			srv.t.Errorf("drop the role: %v", err)
		}
	})
	return name
}

// TestRebuildKeepsGrants: each role has the same privileges on the tables after a rebuild as before.
func TestRebuildKeepsGrants(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.givenSamples()
	reader, lender, narrow, nobody := srv.role(), srv.role(), srv.role(), srv.role()
	srv.exec(`grant usage on schema study_stats to ` + reader + `, ` + narrow + `; grant usage on schema study_stats to ` + lender + ` with grant option;
		grant select on study_stats.days to ` + reader + `; grant select, update on study_stats.user_days to ` + lender + ` with grant option;
		grant select (study_id, sessions) on study_stats.days to ` + narrow + `; grant select on study_stats.user_days to public`)
	granted := func() []string {
		return srv.column(`
			select format('%s %s %s %s', r.rolname, what, privilege, has)
			from pg_roles r, lateral (
				select 'schema', p, has_schema_privilege(r.oid, 'study_stats', p)
				from unnest('{usage,create,usage with grant option}'::text[]) p
				union all
				select t, p, has_table_privilege(r.oid, 'study_stats.' || t, p)
				from unnest('{days,user_days}'::text[]) t, unnest('{select,insert,update,delete,truncate,select with grant option}'::text[]) p
				union all
				select c, 'select', has_column_privilege(r.oid, 'study_stats.days', c, 'select') from unnest('{study_id,day,sessions}'::text[]) c
			) as may (what, privilege, has)
			where r.rolname = any($1) order by 1`, []string{reader, lender, narrow, nobody})
	}
	before := granted()
	if yes := strings.Count(strings.Join(before, "\n")+"\n", " t\n"); yes != 16 {
		t.Fatalf("%d privileges are granted:\n%s", yes, strings.Join(before, "\n"))
	}

	srv.rebuild()

	if d := lineDiff(granted(), before); d != "" {
		t.Error(d)
	}
	srv.mustVerify()
	srv.mustHaveNoLeftovers()
}
