package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// strangerSQL finds an owner of a live schema ($1) or its tables whom the current role cannot act for: to drop them takes the
// owner's rights, and to give the new ones to the same owner the right to become that role, which has a name since Postgres 16.
const strangerSQL = `
	select current_user::text, pg_get_userbyid(owner)::text
	from (
		select nspowner as owner from pg_namespace where oid = to_regnamespace($1::text)
		union select relowner from pg_class where relnamespace = to_regnamespace($1::text) and relkind = 'r'
	) owners
	where not (pg_has_role(owner, 'USAGE')
		and pg_has_role(owner, case when current_setting('server_version_num')::int < 160000 then 'MEMBER' else 'SET' end))
	order by 2 limit 1`

// mayReplace refuses, before anything is done, what would fail at the end.
func (r *Rebuilder) mayReplace(ctx context.Context, p Projection) error {
	var role, owner string
	err := r.pool.QueryRow(ctx, strangerSQL, p.Name()).Scan(&role, &owner)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for the owner of the tables of %s: %w", p.Name(), err)
	}
	return fmt.Errorf("the tables of %s belong to the role %q, and %q may not replace them: rebuild as %q, or as a superuser",
		p.Name(), owner, role, owner)
}

// ownersSQL makes the statements that give a projection's new schema ($2) and tables the owners of the live ones ($1): the
// schema first, in which the tables' owner must be allowed to make tables.
const ownersSQL = `
	select coalesce(string_agg(format('alter %s owner to %I', what, pg_get_userbyid(owner)), '; ' order by step), '')
	from (
		select 1 as step, format('schema %I', made.nspname) as what, live.nspowner as owner
		from pg_namespace made, pg_namespace live
		where made.oid = to_regnamespace($2::text) and live.oid = to_regnamespace($1::text) and live.nspowner <> made.nspowner
		union all
		select 2, format('table %s', made.oid::regclass), live.relowner
		from pg_class made
		join pg_class live on live.relname = made.relname and live.relkind = 'r' and live.relnamespace = to_regnamespace($1::text)
		where made.relkind = 'r' and made.relnamespace = to_regnamespace($2::text) and live.relowner <> made.relowner
	) changes`

// carryOwners leaves the tables to whom they belong, whoever makes them anew: only the owner can do so the next time.
func carryOwners(ctx context.Context, tx pgx.Tx, p Projection) error {
	var changes string
	err := tx.QueryRow(ctx, ownersSQL, p.Name(), shadow(p)).Scan(&changes)
	if err == nil && changes != "" {
		_, err = tx.Exec(ctx, changes)
	}
	if err != nil {
		return fmt.Errorf("leave the tables to their owner: %w", err)
	}
	return nil
}
