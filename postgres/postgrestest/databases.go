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

// A test's database is named test_<pid>_<Unix seconds>_<number>: the first two tell a later run that nobody needs it any more.
const namePrefix = "test_"

// oldest is the age at which a database is taken for left over though some process has its pid (by now another one).
const oldest = 6 * time.Hour

// counter numbers the databases of this process; like theServer it has to be reachable from every test.
var counter atomic.Int64 //nolint:gochecknoglobals // see above

func newName() string {
	return fmt.Sprintf("%s%d_%d_%d", namePrefix, os.Getpid(), time.Now().Unix(), counter.Add(1))
}

// leftOver reports whether the process that made the database is gone.
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

// drop cuts the connections that are left. It goes on when ctx is cancelled: a test's is when its cleanups run.
func (s *shared) drop(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	_, err := s.admin.Exec(ctx, "drop database if exists "+quote(name)+" with (force)")
	return err
}

// sweep drops what runs that were killed have left behind, and the templates of other versions of the migrations.
// Nobody else sweeps at the same time: the caller holds the template lock.
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
