package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
	"golang.org/x/sys/unix"
)

// release returns what the repository has for a major version; 0 means what is best for new data.
func release(major int) (embeddedpostgres.PostgresVersion, bool) {
	switch major {
	case 14:
		return embeddedpostgres.V14, true
	case 15:
		return embeddedpostgres.V15, true
	case 16:
		return embeddedpostgres.V16, true
	case 17, 0:
		return embeddedpostgres.V17, true
	case 18:
		return embeddedpostgres.V18, true
	default:
		return "", false
	}
}

// download fetches binaries into the data directory, once. The caller holds the start lock.
func (s *Server) download(ctx context.Context, repository string, major int) (binaries, error) {
	version, known := release(major)
	if !known {
		return binaries{}, fmt.Errorf("there is no download of Postgres %d", major)
	}
	target := s.dir.download(string(version))
	if found, err := s.inspect(ctx, filepath.Join(target, "bin")); err == nil {
		return found, nil
	}
	s.logger.Info("downloading Postgres, because this machine has none that fits", "version", string(version), "to", target)
	defer progress(s.logger, "downloading Postgres", "version", string(version))()
	// Beside its place and then moved, so that half a download is never taken for a whole one.
	fresh := target + ".new"
	if err := errors.Join(os.RemoveAll(fresh), os.RemoveAll(target)); err != nil {
		return binaries{}, fmt.Errorf("clearing an earlier download: %w", err)
	}
	if err := fetch(ctx, repository, version, fresh); err != nil {
		// What is there stays for the next attempt to clear: if ctx is over, the library is still writing it.
		return binaries{}, fmt.Errorf("downloading Postgres %s: %w", version, err)
	}
	if err := os.Rename(filepath.Join(fresh, "postgres"), target); err != nil {
		return binaries{}, fmt.Errorf("moving the download into place: %w", err)
	}
	if err := os.RemoveAll(fresh); err != nil {
		return binaries{}, fmt.Errorf("clearing up after the download: %w", err)
	}
	for {
		found, err := s.inspect(ctx, filepath.Join(target, "bin"))
		// A program that any child of ours is just being forked with, open for writing, is "busy" until that child execs.
		if errors.Is(err, unix.ETXTBSY) && sleep(ctx, processPoll) == nil {
			continue
		}
		if err != nil {
			return binaries{}, fmt.Errorf("trying the downloaded Postgres in %s: %w", target, err)
		}
		return found, nil
	}
}

// fetch has the library download and unpack a release into dir/postgres. The library can do that only on the way to
// starting a server (as our user, on TCP, which is not what we want), so it is stopped right after: it is given an encoding
// that does not exist, at which its initdb gives up before it writes anything.
//
// The library knows no context: if ctx ends first, its download goes on in the background for as long as we run.
func fetch(ctx context.Context, repository string, version embeddedpostgres.PostgresVersion, dir string) error {
	unpacked := filepath.Join(dir, "postgres")
	scratch := filepath.Join(dir, "scratch")
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	config := embeddedpostgres.DefaultConfig().Version(version).Port(port).Logger(io.Discard).
		CachePath(filepath.Join(dir, "archive")).BinariesPath(unpacked).RuntimePath(scratch).
		DataPath(filepath.Join(scratch, "data")).Encoding("stop-after-unpacking")
	if repository != "" {
		config = config.BinaryRepositoryURL(repository)
	}
	ended := make(chan error, 1)
	go func() {
		defer func() { // the library panics when it cannot clear up
			if problem := recover(); problem != nil {
				ended <- fmt.Errorf("unpacking: %v", problem)
			}
		}()
		library := embeddedpostgres.NewDatabase(config)
		err := library.Start()
		if err == nil {
			err = library.Stop()
		}
		ended <- err
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case err = <-ended:
	}
	if _, missing := os.Stat(filepath.Join(unpacked, "bin", "postgres")); missing == nil {
		return nil
	}
	if err == nil {
		err = errors.New("the archive holds no bin/postgres")
	}
	return err
}

// freePort is for the library alone, which looks whether its port is free before it downloads.
func freePort(ctx context.Context) (uint32, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "localhost:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("finding a free port: unexpected address %s", listener.Addr())
	}
	return uint32(address.Port), nil //nolint:gosec // a port has 16 bits
}
