package projections_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
)

// role makes a role that may do nothing, until the test ends.
func (h *house) role() string {
	h.t.Helper()
	name := "reader_" + strings.ToLower(rand.Text())
	h.exec(`create role ` + name)
	h.t.Cleanup(func() {
		if _, err := h.pool.Exec(context.WithoutCancel(h.t.Context()), `drop owned by `+name+`; drop role `+name); err != nil {
			h.t.Errorf("drop the role: %v", err)
		}
	})
	return name
}

// TestASwapCarriesGrants: who may use the tables before a rebuild may use them after it, and nobody else.
func TestASwapCarriesGrants(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.givenSome()
	reader, lender, narrow, nobody := h.role(), h.role(), h.role(), h.role()
	h.exec(`grant usage on schema study_stats to ` + reader + `, ` + narrow + `; grant usage on schema study_stats to ` + lender + ` with grant option;
		grant select on study_stats.days to ` + reader + `; grant select, update on study_stats.user_days to ` + lender + ` with grant option;
		grant select (study_id, sessions) on study_stats.days to ` + narrow + `; grant select on study_stats.user_days to public`)
	granted := func() []string {
		return h.column(`
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

	h.rebuild()

	if d := unlike(granted(), before); d != "" {
		t.Error(d)
	}
	h.mustBeTheLog()
	h.mustBeTidy()
}
