package postgrestest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/migrations"
	"github.com/studycall/studycall/postgres"
)

// A test's database is named test_<pid>_<Unix seconds>_<number>. By the pid and the time, a later run finds abandoned databases.
const namePrefix = "test_"

// oldest is the age at which a database counts as abandoned although a process has its pid: that is another process by now.
const oldest = 6 * time.Hour

// counter numbers the databases of this process. It is global for the same reason as theServer.
var counter atomic.Int64 //nolint:gochecknoglobals // see above

func newName() string {
	return fmt.Sprintf("%s%d_%d_%d", namePrefix, os.Getpid(), time.Now().Unix(), counter.Add(1))
}

// leftOver reports whether the process that made the database has ended.
func leftOver(name string, now time.Time) bool {
	var pid, number int
	var created int64
	if _, err := fmt.Sscanf(name, namePrefix+"%d_%d_%d", &pid, &created, &number); err != nil {
		return false
	}
	return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || now.Sub(time.Unix(created, 0)) > oldest
}

func (s *shared) create(ctx context.Context, name, template string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := s.admin.Exec(ctx, "create database "+quote(name)+" template "+quote(template))
	return err
}

// drop also ends the database's connections. It ignores the end of ctx, because a test's context ends before its cleanups run.
func (s *shared) drop(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	_, err := s.admin.Exec(ctx, "drop database if exists "+quote(name)+" with (force)")
	return err
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

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
		return "", fmt.Errorf("read the migrations: %w", err)
	}
	return templatePrefix + hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// prepareTemplate makes a migrated database to copy, if this version of the migrations has none yet. Any number of processes may
// call it at once.
func (s *shared) prepareTemplate(ctx context.Context) (err error) {
	if s.template, err = templateFor(migrations.Files); err != nil {
		return err
	}
	if err := s.holdTemplate(ctx); err != nil {
		return fmt.Errorf("mark the template as used: %w", err)
	}
	return s.underLock(ctx, func(tx pgx.Tx) error {
		if err := s.sweep(ctx, tx); err != nil {
			return err
		}
		var exists bool
		err := tx.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", s.template).Scan(&exists)
		if err == nil && !exists {
			err = s.makeTemplate(ctx, tx)
		}
		if err != nil {
			return fmt.Errorf("create the template: %w", err)
		}
		return nil
	})
}

// holdTemplate marks the template as used while this process runs, so that tests with other migrations, which may run at the same
// time, do not drop it.
func (s *shared) holdTemplate(ctx context.Context) error {
	conn, err := s.admin.Acquire(ctx)
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "select pg_advisory_lock_shared($1, hashtext($2))", templateLock, s.template); err != nil {
		conn.Release()
		return err
	}
	s.holding = conn
	return nil
}

// sweep drops the databases of killed runs, and the templates of other versions of the migrations. The caller holds the template
// lock, so that no other process sweeps.
func (s *shared) sweep(ctx context.Context, tx pgx.Tx) error {
	rows, _ := tx.Query(ctx, "select datname from pg_database where datname like 'test\\_%' or datname like 'template\\_%'")
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list databases: %w", err)
	}
	for _, name := range names {
		var err error
		switch {
		case leftOver(name, time.Now()):
			err = s.drop(ctx, name)
		case strings.HasPrefix(name, templatePrefix) && name != s.template:
			err = s.dropTemplate(ctx, tx, name)
		}
		if err != nil {
			return fmt.Errorf("drop the left-over database %s: %w", name, err)
		}
	}
	return nil
}

// dropTemplate drops a template unless some test process uses it.
func (s *shared) dropTemplate(ctx context.Context, tx pgx.Tx, name string) error {
	var unused bool
	err := tx.QueryRow(ctx, "select pg_try_advisory_xact_lock($1, hashtext($2))", templateLock, name).Scan(&unused)
	if err != nil || !unused {
		return err
	}
	return s.drop(ctx, name)
}

// underLock runs do while no other process makes or drops templates.
func (s *shared) underLock(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.admin, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", templateLock); err != nil {
			return fmt.Errorf("lock the template: %w", err)
		}
		return do(tx)
	})
}

// makeTemplate migrates under another name first, so that a template is always complete.
func (s *shared) makeTemplate(ctx context.Context, tx pgx.Tx) error {
	fresh := newName()
	if err := s.create(ctx, fresh, "template0"); err != nil {
		return err
	}
	pool, err := postgres.Connect(ctx, s.server.DatabaseURL(fresh))
	if err != nil {
		return err
	}
	_, err = postgres.Migrate(ctx, pool, migrations.Files)
	pool.Close() // a database in use cannot be copied
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "alter database "+quote(fresh)+" rename to "+quote(s.template)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "alter database "+quote(s.template)+" allow_connections false")
	return err
}
