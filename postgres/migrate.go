package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// ErrNewerSchema is matched (errors.Is) by the error for a database that a newer program has migrated.
var ErrNewerSchema = errors.New("the database was migrated by a newer studycall")

// Migrate applies the pending migrations in files (NNNN_name.sql, goose's format), each in a transaction, and returns the names of
// the applied ones, in order. Migrations before a failed one stay applied.
//
// Any number of servers may call it at once: one migrates, and the others wait up to five minutes. The pool needs two free
// connections. A database with migrations that files lacks is ErrNewerSchema, and is not changed.
func Migrate(ctx context.Context, pool *pgxpool.Pool, files fs.FS) ([]string, error) {
	provider, err := newProvider(pool, files)
	if err != nil {
		return nil, err
	}
	defer func() { _ = provider.Close() }() // does not close the pool
	if _, err := newestKnown(ctx, pool, provider); err != nil {
		return nil, err
	}
	results, err := provider.Up(ctx)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		results = partial.Applied
	}
	var applied []string
	for _, result := range results {
		applied = append(applied, path.Base(result.Source.Path))
	}
	if err != nil {
		return applied, fmt.Errorf("migrate the database: %w", err)
	}
	// Again, because a newer server may have migrated during the wait for the lock.
	_, err = newestKnown(ctx, pool, provider)
	return applied, err
}

// PendingMigrations returns the names of the pending migrations in files, in order, and changes nothing. A database that a newer
// program migrated is ErrNewerSchema.
func PendingMigrations(ctx context.Context, pool *pgxpool.Pool, files fs.FS) ([]string, error) {
	provider, err := newProvider(pool, files)
	if err != nil {
		return nil, err
	}
	defer func() { _ = provider.Close() }()
	newest, err := newestKnown(ctx, pool, provider)
	if err != nil {
		return nil, err
	}
	var pending []string
	for _, source := range provider.ListSources() {
		if source.Version > newest {
			pending = append(pending, path.Base(source.Path))
		}
	}
	return pending, nil
}

func newProvider(pool *pgxpool.Pool, files fs.FS) (*goose.Provider, error) {
	// An advisory lock of the session, tried every second; goose's default is every five seconds.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, fmt.Errorf("prepare the migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, stdlib.OpenDBFromPool(pool), files,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}

// newestKnown returns the version of the newest applied migration, and ErrNewerSchema if the provider lacks it.
func newestKnown(ctx context.Context, pool *pgxpool.Pool, provider *goose.Provider) (int64, error) {
	applied, err := newestApplied(ctx, pool)
	if err != nil {
		return 0, err
	}
	var known int64
	for _, source := range provider.ListSources() {
		known = max(known, source.Version)
	}
	if applied > known {
		return 0, fmt.Errorf("%w: it has migration %04d and this program has them up to %04d; run the newer program, or restore a backup from before it",
			ErrNewerSchema, applied, known)
	}
	return applied, nil
}

// newestApplied reads goose's table, because goose's own function creates it.
func newestApplied(ctx context.Context, pool *pgxpool.Pool) (int64, error) {
	var exists bool
	if err := pool.QueryRow(ctx, "select to_regclass($1) is not null", goose.DefaultTablename).Scan(&exists); err != nil {
		return 0, fmt.Errorf("look for the migrations table: %w", err)
	}
	if !exists {
		return 0, nil
	}
	var newest int64
	err := pool.QueryRow(ctx, "select coalesce(max(version_id), 0) from "+goose.DefaultTablename+" where is_applied").Scan(&newest)
	if err != nil {
		return 0, fmt.Errorf("read the migrations table: %w", err)
	}
	return newest, nil
}
