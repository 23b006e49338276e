package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// socketPort only names the socket's file: the server listens on no network.
const socketPort = 5432

// maxSocketPath is a little below what the strictest system (104 bytes) can address.
const maxSocketPath = 100

var (
	// ErrNotOurs is matched (errors.Is) by the error for a data directory that holds something else.
	ErrNotOurs = errors.New("is not a data directory of studycall")
	// ErrNoData is matched (errors.Is) by the error for a data directory without data, where Options.Existing asks for some.
	ErrNoData = errors.New("there is no data of studycall")
)

// directory knows where things are in a data directory.
type directory struct{ root string }

func (d directory) data() string            { return filepath.Join(d.root, "data") }
func (d directory) log() string             { return filepath.Join(d.root, "postgres.log") }
func (d directory) lock(name string) string { return filepath.Join(d.root, name+".lock") }
func (d directory) pidFile() string         { return filepath.Join(d.data(), "postmaster.pid") }
func socketFile(socketDir string) string {
	return filepath.Join(socketDir, ".s.PGSQL."+strconv.Itoa(socketPort))
}
func (d directory) download(v string) string { return filepath.Join(d.root, "postgres-"+v) }

// openDirectory makes path absolute and free of links, so that every process sees the same one.
func openDirectory(path string) (directory, error) {
	if path == "" {
		var err error
		if path, err = DefaultDir(); err != nil {
			return directory{}, err
		}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return directory{}, fmt.Errorf("finding the data directory: %w", err)
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	return directory{root: path}, nil
}

// check fails, before anything is written, with ErrNotOurs for a folder that holds something else, and, if there must be
// data, with ErrNoData where there is none. A folder that may not be looked into is judged by whoever opens it.
func (d directory) check(mustHaveData bool) error {
	if _, err := os.Stat(filepath.Join(d.root, "PG_VERSION")); err == nil {
		return fmt.Errorf("%s is the inside of a Postgres cluster, and %w; choose another --data-dir", d.root, ErrNotOurs)
	}
	entries, err := os.ReadDir(d.root)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOTDIR):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("looking into the data directory: %w", err)
	}
	// Locks are there from the first moment; data without them has been restored from a backup. A fresh disk has lost+found.
	data := exists(filepath.Join(d.data(), "PG_VERSION"))
	ours := data || exists(d.lock("serve")) || exists(d.lock("users")) || exists(d.lock("start"))
	fresh := len(entries) == 0 || len(entries) == 1 && entries[0].Name() == "lost+found"
	switch {
	case !ours && !fresh:
		return fmt.Errorf("%s holds something else and %w; choose another --data-dir, one that is empty or does not exist yet", d.root, ErrNotOurs)
	case !data && mustHaveData:
		return fmt.Errorf("%w in %s; start the service with it first, or check --data-dir", ErrNoData, d.root)
	default:
		return nil
	}
}

// exists is true also for what may not be looked at.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil || errors.Is(err, fs.ErrPermission)
}

// create makes the directory if need be, and returns whom the files in it belong to.
func (d directory) create() (owner, error) {
	mode := fs.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o755 // the server's user has to get through; what is private inside is closed to others itself
	}
	if err := mkdirAll(d.root, mode); err != nil {
		return owner{}, fmt.Errorf("creating the data directory: %w", err)
	}
	found, err := ownerOf(d.root)
	if err != nil {
		return owner{}, err
	}
	if os.Geteuid() != 0 && found.uid != os.Geteuid() {
		return owner{}, fmt.Errorf("data directory %s belongs to user %d and we are user %d: run as that user or choose another --data-dir: %w",
			d.root, found.uid, os.Geteuid(), fs.ErrPermission)
	}
	return found, nil
}

// mkdirAll is os.MkdirAll whose new folders have exactly the mode, whatever the umask.
func mkdirAll(path string, mode fs.FileMode) error {
	if info, err := os.Stat(path); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is not a folder", path)
		}
		return nil
	}
	if parent := filepath.Dir(path); parent != path {
		if err := mkdirAll(parent, mode); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, mode); err != nil {
		if errors.Is(err, fs.ErrExist) { // another process was quicker
			return nil
		}
		return err
	}
	return os.Chmod(path, mode)
}

// major returns the Postgres major version that made the data, 0 if there is none yet.
func (d directory) major() (int, error) {
	text, err := os.ReadFile(filepath.Join(d.data(), "PG_VERSION"))
	switch {
	case err == nil:
		major, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return 0, fmt.Errorf("reading the version of the data in %s: %w", d.data(), err)
		}
		return major, nil
	case !errors.Is(err, fs.ErrNotExist):
		return 0, fmt.Errorf("reading the version of the data: %w", err)
	}
	entries, err := os.ReadDir(d.data())
	if err == nil && len(entries) > 0 {
		return 0, fmt.Errorf("%s holds files but no Postgres data (no PG_VERSION); move it away or choose another --data-dir", d.data())
	}
	return 0, nil
}

// socketDir creates the folder of the socket, which only the account may enter, and returns its path.
func (d directory) socketDir(account account) (string, error) {
	path := filepath.Join(d.root, "run")
	// A comma would separate two hosts in the URL.
	if len(socketFile(path)) > maxSocketPath || strings.Contains(path, ",") {
		sum := sha256.Sum256([]byte(d.root))
		name := "studycall-" + hex.EncodeToString(sum[:6])
		if path = filepath.Join(os.TempDir(), name); len(socketFile(path)) > maxSocketPath {
			path = filepath.Join("/tmp", name)
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("creating the socket's folder: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "", fmt.Errorf("creating the socket's folder: %w", err)
	}
	found, err := ownerOf(path)
	if err != nil {
		return "", err
	}
	// The folder for temporary files is open to all: never use what somebody else has put there.
	if !info.IsDir() || (found.uid != account.uid && found.uid != os.Geteuid()) {
		return "", fmt.Errorf("the socket's folder %s belongs to user %d, not to us; remove it or choose another --data-dir", path, found.uid)
	}
	if err := os.Chmod(path, 0o700); err != nil { //nolint:gosec // a folder needs its x
		return "", fmt.Errorf("closing the socket's folder to others: %w", err)
	}
	return path, account.give(path)
}
