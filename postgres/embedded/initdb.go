package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// createData makes the cluster beside its final place and moves it there when it is whole, so that a crash half way
// leaves nothing that looks like data. The caller holds the start lock.
func (s *Server) createData(ctx context.Context) (err error) {
	defer progress(s.logger, "creating the database", "dir", s.dir.root)()
	s.removeHalfMade()
	// A name of its own: an initdb whose parent was killed may still be writing into the one of that parent.
	fresh, err := os.MkdirTemp(s.dir.root, "data.new-")
	if err != nil {
		return fmt.Errorf("creating the database: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(fresh))
		}
	}()
	if err := s.account.give(fresh); err != nil {
		return err
	}
	args := []string{
		"--pgdata=" + fresh, "--username=postgres", "--data-checksums",
		// Texts compare by their bytes: the same order on every system, and no index is spoilt by a new C library.
		"--encoding=UTF8", "--locale=C",
		// Whoever can reach the socket (its folder is closed to others) is in; nobody comes over a network.
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
		return fmt.Errorf("creating the database with initdb: %w:\n%s", err, lastLines(output, 20))
	}
	if err := os.Rename(fresh, s.dir.data()); err != nil {
		return fmt.Errorf("creating the database: %w", err)
	}
	return syncDir(s.dir.root)
}

// removeHalfMade clears what crashed attempts left. What cannot be removed is in nobody's way.
func (s *Server) removeHalfMade() {
	leftovers, _ := filepath.Glob(filepath.Join(s.dir.root, "data.new-*"))
	for _, path := range leftovers {
		if err := os.RemoveAll(path); err != nil {
			s.logger.Warn("removing a half-made database", "path", path, "error", err)
		}
	}
}

// syncDir makes a rename in the folder durable.
func syncDir(path string) error {
	dir, err := os.Open(path) //nolint:gosec // our own data directory
	if err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	return nil
}
