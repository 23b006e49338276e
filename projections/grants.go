package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// What others than the owner may do with a projection's live schema ($1), its tables and their columns, as statements that
// grant the same on the new ones in $2, which have the same owner by then. Where nothing was ever granted, the catalogue has
// null.
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

// carryGrants lets everybody use the new tables who may use the live ones.
func carryGrants(ctx context.Context, tx pgx.Tx, p Projection) error {
	var grants string
	err := tx.QueryRow(ctx, grantsSQL, p.Name(), shadow(p)).Scan(&grants)
	if err == nil && grants != "" {
		_, err = tx.Exec(ctx, grants)
	}
	if err != nil {
		return fmt.Errorf("grant what was granted on the old tables: %w", err)
	}
	return nil
}
