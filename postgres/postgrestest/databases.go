package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
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
	parts := strings.Split(strings.TrimPrefix(name, namePrefix), "_")
	if !strings.HasPrefix(name, namePrefix) || len(parts) != 3 {
		return false
	}
	pid, pidErr := strconv.Atoi(parts[0])
	created, timeErr := strconv.ParseInt(parts[1], 10, 64)
	if pidErr != nil || timeErr != nil {
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

// sweep drops the databases of killed runs, and the templates of other versions of the migrations. The caller holds the template
// lock, so that no other process sweeps.
func (s *shared) sweep(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, "select datname from pg_database where datname like 'test\\_%' or datname like 'template\\_%'")
	if err != nil {
		return fmt.Errorf("listing databases: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("listing databases: %w", err)
	}
	for _, name := range names {
		var err error
		switch {
		case leftOver(name, time.Now()):
			err = s.drop(ctx, name)
		case staleTemplate(name, s.templateName):
			err = s.dropTemplate(ctx, conn, name)
		}
		if err != nil {
			return fmt.Errorf("dropping the left-over database %s: %w", name, err)
		}
	}
	return nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
