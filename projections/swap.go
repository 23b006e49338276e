package projections

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/studycall/studycall/eventstore"
)

const (
	// foldLockTimeout is how long the swap waits for the live fold's slice in flight. No query waits meanwhile.
	foldLockTimeout = 20 * time.Second
	// tableLockTimeout is how long the swap waits for queries on the live tables, while new queries wait behind it. If it does
	// not get the lock, it rolls back and retries after a backoff, which doubles from swapBackoff to maxSwapBackoff: a query
	// holds the tables for moments, a dump for an hour.
	tableLockTimeout = 100 * time.Millisecond
	swapBackoff      = 100 * time.Millisecond
	maxSwapBackoff   = 2 * time.Second
)

// swap replaces the live tables by the shadow tables, in one transaction. It blocks the live fold, and then the queries, for
// moments only: if another transaction holds the live tables, the swap rolls back and retries.
func (r *Rebuilder) swap(ctx context.Context, claim *pgx.Conn, p Projection, position int64) error {
	for backoff := swapBackoff; ; backoff = min(2*backoff, maxSwapBackoff) {
		err := transact(ctx, claim, func(tx pgx.Tx) error { return r.swapIn(ctx, tx, p, position) })
		if err == nil {
			return nil
		}
		if !lockFailed(err) {
			return fmt.Errorf("put the new tables of %s in place: %w", p.Name(), err)
		}
		// Folds that found the checkpoint locked wait for a notification.
		if err := pgx.BeginFunc(ctx, claim, func(tx pgx.Tx) error { return eventstore.WakeConsumers(ctx, tx) }); err != nil {
			return fmt.Errorf("put the new tables of %s in place: %w", p.Name(), err)
		}
		r.log.Info("another transaction holds the old tables; retrying the swap", "projection", p.Name(), "backoff", backoff)
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return ctx.Err()
		}
		if position, err = r.catchUp(ctx, p, position, r.head); err != nil {
			return err
		}
	}
}

// transact is pgx.BeginFunc, except that it can roll back after ctx has ended: a failed rollback closes the connection, and then
// Postgres releases the claim only after a moment.
func transact(ctx context.Context, conn *pgx.Conn, do func(pgx.Tx) error) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
		defer cancel()
		return errors.Join(err, tx.Rollback(ctx))
	}
	return tx.Commit(ctx)
}

// lockFailed reports whether a lock was not available in time, or only at the cost of a deadlock.
func lockFailed(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (pgErr.Code == "55P03" || pgErr.Code == "40P01")
}

// swapIn locks in the same order as a fold: first the checkpoint, so that no fold is in flight and none starts, then the tables.
func (r *Rebuilder) swapIn(ctx context.Context, tx pgx.Tx, p Projection, position int64) error {
	if err := setLockTimeout(ctx, tx, foldLockTimeout); err != nil {
		return err
	}
	// The live tables may be of any version.
	if _, err := tx.Exec(ctx, `select from public.checkpoints where split_part(name, '/', 1) = $1 for update`, p.Name()); err != nil {
		return err
	}
	var head int64
	if err := tx.QueryRow(ctx, `select coalesce(max(position), 0) from public.events`).Scan(&head); err != nil {
		return err
	}
	if err := r.foldRest(ctx, tx, p, position, head); err != nil {
		return err
	}
	if err := lockLiveTables(ctx, tx, p); err != nil {
		return err
	}
	if err := copyPrivileges(ctx, tx, p); err != nil {
		return err
	}
	live, made := pgx.Identifier{p.Name()}.Sanitize(), pgx.Identifier{shadow(p)}.Sanitize()
	if _, err := tx.Exec(ctx, `drop schema if exists `+live+` cascade; alter schema `+made+` rename to `+live); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue(`delete from public.checkpoints where split_part(name, '/', 1) = $1 and name <> $2`, p.Name(), checkpointName(p))
	batch.Queue(`insert into public.checkpoints (name, position) values ($1, $2)
		on conflict (name) do update set position = excluded.position, error = null, updated_at = now()`, checkpointName(p), head)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	// Folds that found the checkpoint locked wait for a notification.
	return eventstore.WakeConsumers(ctx, tx)
}

func lockLiveTables(ctx context.Context, tx pgx.Tx, p Projection) error {
	if err := setLockTimeout(ctx, tx, tableLockTimeout); err != nil {
		return err
	}
	tables, err := tablesIn(ctx, tx, p.Name())
	if err != nil {
		return err
	}
	for _, table := range tables {
		if _, err := tx.Exec(ctx, `lock table `+pgx.Identifier{p.Name(), table}.Sanitize()); err != nil {
			return err
		}
	}
	return nil
}

// setLockTimeout limits how long the transaction waits for each further lock.
func setLockTimeout(ctx context.Context, tx pgx.Tx, timeout time.Duration) error {
	_, err := tx.Exec(ctx, `select set_config('lock_timeout', $1, true)`, strconv.FormatInt(timeout.Milliseconds(), 10))
	return err
}

// ErrRebuilding means that another process is rebuilding or verifying the same projection.
var ErrRebuilding = errors.New("is being rebuilt or verified already; wait until that is done")

// claim prevents other processes from rebuilding the same projections for as long as the returned connection is open. The swap
// runs on that connection: if the claim is lost, the swap fails.
func (r *Rebuilder) claim(ctx context.Context, projections []Projection) (*pgx.Conn, error) {
	return r.lock(ctx, func(conn *pgx.Conn) error {
		for _, p := range projections {
			var claimed bool
			err := conn.QueryRow(ctx, `select pg_try_advisory_lock(hashtext('studycall rebuild'), hashtext($1))`, p.Name()).Scan(&claimed)
			if err == nil && !claimed {
				err = ErrRebuilding
			}
			if err != nil {
				return fmt.Errorf("projection %s: %w", p.Name(), err)
			}
		}
		return nil
	})
}

// lock takes a connection out of the pool, on which acquire acquires advisory locks. They last until it is released.
func (r *Rebuilder) lock(ctx context.Context, acquire func(*pgx.Conn) error) (*pgx.Conn, error) {
	pooled, err := r.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to lock the projections' tables: %w", err)
	}
	conn := pooled.Hijack()
	if err := acquire(conn); err != nil {
		release(ctx, conn)
		return nil, err
	}
	return conn, nil
}

// release unlocks and closes a connection. Postgres releases the locks of a closed connection only after a moment.
func release(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	_, _ = conn.Exec(ctx, `select pg_advisory_unlock_all()`) // if this fails, closing unlocks
	_ = conn.Close(ctx)
}

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

// checkOwner returns an error, before the replay, if the current role must not replace the live tables.
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

// copyPrivileges gives the shadow tables the owners and the grants of the live ones. Only the owner can rebuild the next time.
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
