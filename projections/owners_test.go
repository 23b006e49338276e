package projections_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/projections"
)

// serverRole makes a role that may do what a rebuild needs, but for what the owner of the tables alone may.
func (h *house) serverRole() string {
	h.t.Helper()
	name := h.role()
	h.exec(`do $$ begin execute format('grant create on database %I to ` + name + `', current_database()); end $$;
		grant select, insert, update, delete on all tables in schema public to ` + name)
	return name
}

// as is the house of somebody whose connections have another role, with no fold of its own.
func (h *house) as(role string) *house {
	h.t.Helper()
	config := h.pool.Config()
	config.ConnConfig.RuntimeParams["role"] = role
	pool, err := pgxpool.NewWithConfig(h.t.Context(), config)
	h.then(err)
	h.t.Cleanup(pool.Close)
	return vacantHouseOn(h.t, pool, h.all...)
}

// give makes all live schemas and tables a role's.
func (h *house) give(role string) {
	h.t.Helper()
	for _, change := range h.column(`select format('alter schema %I owner to %I', name, $2::text) from unnest($1::text[]) name
		union all select format('alter table %I.%I owner to %I', schemaname, tablename, $2::text) from pg_tables
		where schemaname = any($1)`, h.names(), role) {
		h.exec(change)
	}
}

// mustBelongTo fails where a live schema or table has another owner.
func (h *house) mustBelongTo(role string) {
	h.t.Helper()
	for _, other := range h.column(`
		select concat_ws(' ', nspname, nspowner::regrole) from pg_namespace where nspname = any($1) and nspowner <> $2::text::regrole
		union all select concat_ws(' ', oid::regclass, relowner::regrole) from pg_class
		where relnamespace = any(select oid from pg_namespace where nspname = any($1)) and relowner <> $2::text::regrole`, h.names(), role) {
		h.t.Errorf("not %s's: %s", role, other)
	}
}

// TestARebuildByAnotherRoleLeavesTheOwnerIn: an operator's, beside a server that made the tables, and can do so again.
func TestARebuildByAnotherRoleLeavesTheOwnerIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.givenSome()
	server, deputy := h.serverRole(), h.serverRole()
	h.give(server)
	h.exec(`grant ` + server + ` to ` + deputy)
	for name, by := range map[string]*house{"a superuser": h, "the server": h.as(server), "a member of its role": h.as(deputy)} {
		for range 2 {
			if err := by.rebuilder.Rebuild(t.Context(), h.all...); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			h.mustBelongTo(server)
		}
	}
	h.another()
	h.caughtUp()
	h.mustBeTheLog()
	h.mustBeTidy()
}

// TestARebuildByWhoMayNotIsRefused before it has done anything, in words that say who may.
func TestARebuildByWhoMayNotIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.givenSome()
	h.caughtUp()
	server, stranger := h.serverRole(), h.serverRole()
	h.give(server)
	other := h.as(stranger)
	rebuilder := projections.NewRebuilder(other.pool, h.store, h.log, func(done, total int64) {
		t.Errorf("folded %d of %d events", done, total)
	})
	for _, p := range h.all {
		err := rebuilder.Rebuild(t.Context(), p)
		if err == nil || !strings.Contains(err.Error(), `belong to the role "`+server+`"`) || !strings.Contains(err.Error(), `"`+stranger+`" may not`) {
			t.Errorf("%s: got error %v", p.Name(), err)
		}
	}
	h.mustBelongTo(server)
	h.mustBeTidy()
	// To look is no harm.
	h.exec(`grant usage on schema history to ` + stranger + `; grant select on history.sessions to ` + stranger)
	if found := other.verify(projections.History{}); len(found) > 0 {
		t.Errorf("there are the differences %v", found)
	}
}
