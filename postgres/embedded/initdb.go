package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// createData makes the cluster beside its final place and moves it when it is whole, so that a crash half way leaves nothing
// that looks like data. The caller holds the start lock.
func (s *Server) createData(ctx context.Context) (err error) {
	defer logIfSlow(s.logger, "creating the database", "dir", s.dir.root)()
	s.removeUnfinished()
	// A name of its own: the initdb of a killed process may still be writing into an earlier folder.
	fresh, err := os.MkdirTemp(s.dir.root, "data.new-")
	if err != nil {
		return fmt.Errorf("creating the database: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(fresh))
		}
	}()
	if err := s.account.chown(fresh); err != nil {
		return err
	}
	args := []string{
		"--pgdata=" + fresh, "--username=postgres", "--data-checksums",
		// Texts compare by their bytes: the order is the same on every system, and a new C library spoils no index.
		"--encoding=UTF8", "--locale=C",
		// The socket's folder is closed to other users, and there is no network.
		"--auth-local=trust", "--auth-host=reject",
	}
	if s.settings["fsync"] == "off" {
		args = append(args, "--no-sync")
	}
	output, err := s.account.command(ctx, s.dir.root, filepath.Join(s.binaries.dir, "initdb"), args...).CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("creating the database: %w", context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("creating the database with initdb: %w:\n%s", err, lastLines(output))
	}
	if err := os.Rename(fresh, s.dir.data()); err != nil {
		return fmt.Errorf("creating the database: %w", err)
	}
	return syncDir(s.dir.root)
}

// removeUnfinished removes what crashed attempts left. A folder that cannot be removed does no harm.
func (s *Server) removeUnfinished() {
	unfinished, _ := filepath.Glob(filepath.Join(s.dir.root, "data.new-*"))
	for _, path := range unfinished {
		if err := os.RemoveAll(path); err != nil {
			s.logger.Warn("removing an unfinished database failed", "path", path, "error", err)
		}
	}
}

// syncDir makes a rename in the folder durable.
func syncDir(path string) error {
	dir, err := os.Open(path) //nolint:gosec // our own data directory
	if err == nil {
		err = errors.Join(dir.Sync(), dir.Close())
	}
	if err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	return nil
}
