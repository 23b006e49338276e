package projections_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/projections"
)

// serverRole creates a role with all rights that a rebuild needs except those of the tables' owner.
func (srv *server) serverRole() string {
	srv.t.Helper()
	name := srv.role()
	srv.exec(`do $$ begin execute format('grant create on database %I to ` + name + `', current_database()); end $$;
		grant select, insert, update, delete on all tables in schema public to ` + name)
	return name
}

// as returns an idle server on the same database whose connections have another role.
func (srv *server) as(role string) *server {
	srv.t.Helper()
	config := srv.pool.Config()
	config.ConnConfig.RuntimeParams["role"] = role
	pool, err := pgxpool.NewWithConfig(srv.t.Context(), config)
	check.NoError(srv.t, err)
	srv.t.Cleanup(pool.Close)
	return idleServerOn(srv.t, pool, srv.all...)
}

// setOwner makes a role the owner of all live schemas and tables.
func (srv *server) setOwner(role string) {
	srv.t.Helper()
	for _, change := range srv.column(`select format('alter schema %I owner to %I', name, $2::text) from unnest($1::text[]) name
		union all select format('alter table %I.%I owner to %I', schemaname, tablename, $2::text) from pg_tables
		where schemaname = any($1)`, srv.schemas(), role) {
		srv.exec(change)
	}
}

// mustBelongTo fails if a live schema or table has another owner.
func (srv *server) mustBelongTo(role string) {
	srv.t.Helper()
	for _, other := range srv.column(`
		select concat_ws(' ', nspname, nspowner::regrole) from pg_namespace where nspname = any($1) and nspowner <> $2::text::regrole
		union all select concat_ws(' ', oid::regclass, relowner::regrole) from pg_class
		where relnamespace = any(select oid from pg_namespace where nspname = any($1)) and relowner <> $2::text::regrole`, srv.schemas(), role) {
		srv.t.Errorf("the owner is not %s: %s", role, other)
	}
}

// TestRebuildByAnotherRoleKeepsTheOwner: an operator rebuilds tables that the server's role owns, and the server can rebuild them
// afterwards.
func TestRebuildByAnotherRoleKeepsTheOwner(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.givenSamples()
	owner, deputy := srv.serverRole(), srv.serverRole()
	srv.setOwner(owner)
	srv.exec(`grant ` + owner + ` to ` + deputy)
	for name, by := range map[string]*server{"a superuser": srv, "the server": srv.as(owner), "a member of its role": srv.as(deputy)} {
		for range fewer(2) {
			if err := by.rebuilder.Rebuild(t.Context(), srv.all...); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			srv.mustBelongTo(owner)
		}
	}
	srv.givenOneMore()
	srv.waitUntilCaughtUp()
	srv.mustVerify()
	srv.mustHaveNoLeftovers()
}

// TestRebuildWithoutTheOwnersRightsIsRefused before it folds an event, with an error that names the owner.
func TestRebuildWithoutTheOwnersRightsIsRefused(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.givenSamples()
	srv.waitUntilCaughtUp()
	owner, stranger := srv.serverRole(), srv.serverRole()
	srv.setOwner(owner)
	other := srv.as(stranger)
	rebuilder := projections.NewRebuilder(other.pool, srv.store, srv.log, func(done, total int64) {
		t.Errorf("folded %d of %d events", done, total)
	})
	for _, p := range srv.all {
		err := rebuilder.Rebuild(t.Context(), p)
		if err == nil || !strings.Contains(err.Error(), `belong to the role "`+owner+`"`) || !strings.Contains(err.Error(), `"`+stranger+`" may not`) {
			t.Errorf("%s: got error %v", p.Name(), err)
		}
	}
	srv.mustBelongTo(owner)
	srv.mustHaveNoLeftovers()
	// Verifying needs no more than the right to read.
	srv.exec(`grant usage on schema history to ` + stranger + `; grant select on history.sessions to ` + stranger)
	if found := other.verify(projections.History{}); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}
