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

// Migrate applies the migrations in files (NNNN_what.sql, goose's format) that the database does not have yet, each in a
// transaction, and returns the names of those that it applied, in order. Migrations applied before one that fails stay.
//
// Any number of servers may do this at once: one does it, the others wait up to five minutes and find nothing to do. The
// pool needs two free connections. A database that has migrations which files does not is ErrNewerSchema, and left alone.
func Migrate(ctx context.Context, pool *pgxpool.Pool, files fs.FS) ([]string, error) {
	provider, err := newProvider(pool, files)
	if err != nil {
		return nil, err
	}
	defer func() { _ = provider.Close() }() // closes only goose's view of the pool
	if err := refuseNewer(ctx, pool, provider); err != nil {
		return nil, err
	}
	results, err := provider.Up(ctx)
	if partial := (*goose.PartialError)(nil); errors.As(err, &partial) {
		results = partial.Applied
	}
	var applied []string
	for _, result := range results {
		applied = append(applied, path.Base(result.Source.Path))
	}
	if err != nil {
		return applied, fmt.Errorf("migrating the database: %w", err)
	}
	// Once more: a newer server may have been at it while we waited for the lock.
	return applied, refuseNewer(ctx, pool, provider)
}

// PendingMigrations returns the names of the migrations in files that the database does not have yet, in order, and
// changes nothing. A database that a newer program migrated is ErrNewerSchema.
func PendingMigrations(ctx context.Context, pool *pgxpool.Pool, files fs.FS) ([]string, error) {
	provider, err := newProvider(pool, files)
	if err != nil {
		return nil, err
	}
	defer func() { _ = provider.Close() }()
	if err := refuseNewer(ctx, pool, provider); err != nil {
		return nil, err
	}
	newest, err := newestApplied(ctx, pool)
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
	// An advisory lock of the session; asking every second, where goose's own default lets a server wait for five.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, fmt.Errorf("preparing the migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, stdlib.OpenDBFromPool(pool), files,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, fmt.Errorf("reading the migrations: %w", err)
	}
	return provider, nil
}

func refuseNewer(ctx context.Context, pool *pgxpool.Pool, provider *goose.Provider) error {
	applied, err := newestApplied(ctx, pool)
	if err != nil {
		return err
	}
	var known int64
	for _, source := range provider.ListSources() {
		known = max(known, source.Version)
	}
	if applied > known {
		return fmt.Errorf("%w: it has migration %04d and this program knows them up to %04d; run the newer program, or restore a backup from before it",
			ErrNewerSchema, applied, known)
	}
	return nil
}

// newestApplied asks goose's table itself, because goose creates it just for looking.
func newestApplied(ctx context.Context, pool *pgxpool.Pool) (int64, error) {
	var exists bool
	if err := pool.QueryRow(ctx, "select to_regclass($1) is not null", goose.DefaultTablename).Scan(&exists); err != nil {
		return 0, fmt.Errorf("looking for the migrations table: %w", err)
	}
	if !exists {
		return 0, nil
	}
	var newest int64
	err := pool.QueryRow(ctx, "select coalesce(max(version_id), 0) from "+goose.DefaultTablename+" where is_applied").Scan(&newest)
	if err != nil {
		return 0, fmt.Errorf("reading the migrations table: %w", err)
	}
	return newest, nil
}
