package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// foreignOwnerSQL returns an owner of the live schema ($1) or its tables whose rights the current role lacks: dropping the old
// tables requires the owner's rights, and giving the new ones to the same owner requires the right to become that role, which
// is called SET since Postgres 16.
const foreignOwnerSQL = `
	select current_user::text, pg_get_userbyid(owner)::text
	from (
		select nspowner as owner from pg_namespace where oid = to_regnamespace($1::text)
		union select relowner from pg_class where relnamespace = to_regnamespace($1::text) and relkind = 'r'
	) owners
	where not (pg_has_role(owner, 'USAGE')
		and pg_has_role(owner, case when current_setting('server_version_num')::int < 160000 then 'MEMBER' else 'SET' end))
	order by 2 limit 1`

// checkOwner returns an error if the current role must not replace the live tables, which would otherwise fail after the
// replay only.
func (r *Rebuilder) checkOwner(ctx context.Context, p Projection) error {
	var role, owner string
	err := r.pool.QueryRow(ctx, foreignOwnerSQL, p.Name()).Scan(&role, &owner)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("read the owner of the tables of %s: %w", p.Name(), err)
	}
	return fmt.Errorf("the tables of %s belong to the role %q, and %q may not replace them: rebuild as %q, or as a superuser",
		p.Name(), owner, role, owner)
}

// ownersSQL returns the statements that give the shadow schema ($2) and its tables the owners of the live ones ($1). The schema
// is first, because the tables' owner needs the right to create tables in it.
const ownersSQL = `
	select coalesce(string_agg(format('alter %s owner to %I', object, pg_get_userbyid(owner)), '; ' order by step), '')
	from (
		select 1 as step, format('schema %I', made.nspname) as object, live.nspowner as owner
		from pg_namespace made, pg_namespace live
		where made.oid = to_regnamespace($2::text) and live.oid = to_regnamespace($1::text) and live.nspowner <> made.nspowner
		union all
		select 2, format('table %s', made.oid::regclass), live.relowner
		from pg_class made
		join pg_class live on live.relname = made.relname and live.relkind = 'r' and live.relnamespace = to_regnamespace($1::text)
		where made.relkind = 'r' and made.relnamespace = to_regnamespace($2::text) and live.relowner <> made.relowner
	) changes`

// grantsSQL returns the statements that grant on the shadow schema ($2), its tables and their columns what roles other than
// the owner were granted on the live ones ($1). Both have the same owner by then. The catalogue has null where nothing was
// ever granted.
const grantsSQL = `
	with granted as (
		select made.nspowner as owner, acl.grantee, acl.is_grantable,
			format('%s on schema %I', acl.privilege_type, made.nspname) as privilege
		from pg_namespace made, pg_namespace live, aclexplode(live.nspacl) acl
		where made.oid = to_regnamespace($2::text) and live.oid = to_regnamespace($1::text)
		union all
		select made.relowner, acl.grantee, acl.is_grantable, format('%s on %s', acl.privilege_type, made.oid::regclass)
		from pg_class made
		join pg_class live on live.relname = made.relname and live.relkind = 'r' and live.relnamespace = to_regnamespace($1::text),
			aclexplode(live.relacl) acl
		where made.relkind = 'r' and made.relnamespace = to_regnamespace($2::text)
		union all
		select made.relowner, acl.grantee, acl.is_grantable,
			format('%s (%I) on %s', acl.privilege_type, c.attname, made.oid::regclass)
		from pg_class made
		join pg_attribute c on c.attrelid = made.oid
		join pg_class live on live.relname = made.relname and live.relkind = 'r' and live.relnamespace = to_regnamespace($1::text)
		join pg_attribute was on was.attrelid = live.oid and was.attname = c.attname,
			aclexplode(was.attacl) acl
		where made.relkind = 'r' and made.relnamespace = to_regnamespace($2::text)
	)
	select coalesce(string_agg(format('grant %s to %s%s', privilege,
		case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
		case when is_grantable then ' with grant option' else '' end), '; '), '')
	from granted where grantee <> owner`

// copyPrivileges gives the shadow tables the owners and the grants of the live ones. The owner stays, whichever role rebuilds,
// because only the owner can rebuild the next time.
func copyPrivileges(ctx context.Context, tx pgx.Tx, p Projection) error {
	for _, sql := range []string{ownersSQL, grantsSQL} {
		var statements string
		err := tx.QueryRow(ctx, sql, p.Name(), shadow(p)).Scan(&statements)
		if err == nil && statements != "" {
			_, err = tx.Exec(ctx, statements)
		}
		if err != nil {
			return fmt.Errorf("copy the owners and grants of the old tables: %w", err)
		}
	}
	return nil
}
