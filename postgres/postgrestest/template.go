package postgrestest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/migrations"
	"github.com/studycall/studycall/postgres"
)

const templatePrefix = "template_"

// templateLock is the advisory lock for making templates and dropping databases of earlier runs.
const templateLock = 7_402_261

// templateFor names the template after the contents of the migrations, so that an edited migration has a new template.
func templateFor(files fs.FS) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		_, _ = fmt.Fprintf(sum, "%s\n%d\n%s", path, len(text), text) // a hash never fails
		return err
	})
	if err != nil {
		return "", fmt.Errorf("reading the migrations: %w", err)
	}
	return templatePrefix + hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

func staleTemplate(name, current string) bool {
	return strings.HasPrefix(name, templatePrefix) && name != current
}

// holdTemplate marks the template as used while this process runs, so that tests with other migrations, which may run at the same
// time, do not drop it.
func (s *shared) holdTemplate(ctx context.Context) error {
	conn, err := s.admin.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("marking the template as used: %w", err)
	}
	if _, err := conn.Exec(ctx, "select pg_advisory_lock_shared($1, hashtext($2))", templateLock, s.templateName); err != nil {
		conn.Release()
		return fmt.Errorf("marking the template as used: %w", err)
	}
	s.holding = conn
	return nil
}

// dropTemplate drops a template unless some test process uses it.
func (s *shared) dropTemplate(ctx context.Context, conn *pgx.Conn, name string) error {
	var unused bool
	err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1, hashtext($2))", templateLock, name).Scan(&unused)
	if err != nil || !unused {
		return err
	}
	err = s.drop(ctx, name)
	_, unlockErr := conn.Exec(ctx, "select pg_advisory_unlock($1, hashtext($2))", templateLock, name)
	return errors.Join(err, unlockErr)
}

// prepareTemplate returns the name of a migrated database to copy, and makes it if this version of the migrations has none yet. Any
// number of processes may call it at once.
func prepareTemplate(ctx context.Context, s *shared) (string, error) {
	name, err := templateFor(migrations.Files)
	if err != nil {
		return "", err
	}
	s.templateName = name
	if err := s.holdTemplate(ctx); err != nil {
		return "", err
	}
	return name, s.underLock(ctx, func(conn *pgx.Conn) error {
		if err := s.sweep(ctx, conn); err != nil {
			return err
		}
		var exists bool
		if err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", name).Scan(&exists); err != nil {
			return fmt.Errorf("looking for the template: %w", err)
		}
		if exists {
			return nil
		}
		return s.makeTemplate(ctx, conn, name)
	})
}

// underLock runs do while no other process makes or drops templates.
func (s *shared) underLock(ctx context.Context, do func(*pgx.Conn) error) (err error) {
	conn, err := s.admin.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("preparing the template: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", templateLock); err != nil {
		return fmt.Errorf("locking the template: %w", err)
	}
	defer func() {
		if _, unlockErr := conn.Exec(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", templateLock); unlockErr != nil {
			err = errors.Join(err, fmt.Errorf("unlocking the template: %w", unlockErr))
		}
	}()
	return do(conn.Conn())
}

// makeTemplate migrates under another name first, so that a template is always complete.
func (s *shared) makeTemplate(ctx context.Context, conn *pgx.Conn, name string) error {
	fresh := newName()
	if err := s.create(ctx, fresh, "template0"); err != nil {
		return fmt.Errorf("creating the template: %w", err)
	}
	pool, err := postgres.Connect(ctx, s.url(fresh))
	if err != nil {
		return fmt.Errorf("creating the template: %w", err)
	}
	_, err = postgres.Migrate(ctx, pool, migrations.Files)
	pool.Close()
	if err != nil {
		return fmt.Errorf("creating the template: %w", err)
	}
	// Without connections, because a database in use cannot be copied.
	for _, statement := range []string{
		"alter database " + quote(fresh) + " rename to " + quote(name),
		"alter database " + quote(name) + " allow_connections false",
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("creating the template: %w", err)
		}
	}
	return nil
}
