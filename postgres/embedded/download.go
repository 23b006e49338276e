package embedded

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/xi2/xz"
)

// mavenCentral has the binaries of https://github.com/zonkyio/embedded-postgres-binaries.
const mavenCentral = "https://repo1.maven.org/maven2"

// releases are the repository's version for each major version; 0 means new data.
func releases() map[int]string {
	return map[int]string{0: "17.5.0", 14: "14.18.0", 15: "15.13.0", 16: "16.9.0", 17: "17.5.0", 18: "18.3.0"}
}

// download fetches binaries into the data directory, unless an earlier call has done so. The caller holds the start lock.
func (s *Server) download(ctx context.Context, repository string, major int) (binaries, error) {
	version, known := releases()[major]
	if !known {
		return binaries{}, fmt.Errorf("there is no download of Postgres %d", major)
	}
	target := s.dir.download(version)
	if found, err := s.account.inspect(ctx, filepath.Join(target, "bin")); err == nil {
		return found, nil
	}
	s.logger.Info("downloading Postgres, because this machine has none that fits", "version", version, "to", target)
	// Unpacked beside its place and then moved, so that half a download is never taken for a whole one.
	fresh := target + ".new"
	if err := errors.Join(os.RemoveAll(fresh), os.RemoveAll(target)); err != nil {
		return binaries{}, fmt.Errorf("remove an earlier download: %w", err)
	}
	err := fetch(ctx, repository, version, fresh)
	if err == nil {
		err = os.Rename(fresh, target)
	}
	if err != nil {
		return binaries{}, errors.Join(fmt.Errorf("download Postgres %s: %w", version, err), os.RemoveAll(fresh))
	}
	found, err := s.account.inspect(ctx, filepath.Join(target, "bin"))
	if err != nil {
		return binaries{}, fmt.Errorf("run the downloaded Postgres in %s: %w", target, err)
	}
	return found, nil
}

// fetch downloads a release, checks its checksum and unpacks it into dir.
func fetch(ctx context.Context, repository, version, dir string) error {
	arch := cmp.Or(map[string]string{"arm64": "arm64v8", "arm": "arm32v7"}[runtime.GOARCH], runtime.GOARCH)
	if _, err := os.Stat("/etc/alpine-release"); err == nil {
		arch += "-alpine"
	}
	name := "embedded-postgres-binaries-" + runtime.GOOS + "-" + arch
	url := fmt.Sprintf("%s/io/zonky/test/postgres/%s/%s/%s-%s.jar", repository, name, version, name, version)
	archive, err := get(ctx, url)
	if err != nil {
		return err
	}
	checksum, err := get(ctx, url+".sha256")
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(archive); strings.TrimSpace(string(checksum)) != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("the checksum of %s does not match", url)
	}
	return unpack(archive, dir)
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusOK:
		return io.ReadAll(response.Body)
	case http.StatusNotFound:
		return nil, fmt.Errorf("no version found at %s", url)
	default:
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
}

// unpack extracts the archive, a tar in an xz in a zip, into dir.
func unpack(archive []byte, dir string) error {
	zipped, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return err
	}
	inner, err := fs.Glob(zipped, "*.txz")
	if err != nil || len(inner) == 0 {
		return errors.New("the archive holds no .txz")
	}
	file, err := zipped.Open(inner[0])
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	uncompressed, err := xz.NewReader(file, 0)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // the server's account reads it
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for entries := tar.NewReader(uncompressed); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = extract(root, entry, entries)
		}
		if err != nil {
			return err
		}
	}
}

// extract writes one entry. It holds off forks while a file is open: a child would keep the file open for writing until it
// execs, and until then the program in the file could not be run (ETXTBSY).
func extract(root *os.Root, entry *tar.Header, content io.Reader) error {
	if err := root.MkdirAll(path.Dir(entry.Name), 0o755); err != nil {
		return err
	}
	if entry.Typeflag == tar.TypeSymlink {
		return root.Symlink(entry.Linkname, entry.Name)
	}
	if entry.Typeflag != tar.TypeReg {
		return nil
	}
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	file, err := root.OpenFile(entry.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, entry.FileInfo().Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
