package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// socketPort is only a part of the socket's name: the server does not listen on a network.
const socketPort = 5432

// maxSocketPath is a little below the limit of the strictest system (104 bytes).
const maxSocketPath = 100

var (
	// ErrNotOurs is matched (errors.Is) by the error for a data directory that holds another program's files.
	ErrNotOurs = errors.New("is not a data directory of studycall")
	// ErrNoData is matched (errors.Is) by the error for a data directory without data, if Options.Existing requires some.
	ErrNoData = errors.New("there is no data of studycall")
)

// directory holds the paths in a data directory.
type directory struct{ root string }

func (d directory) data() string                   { return filepath.Join(d.root, "data") }
func (d directory) log() string                    { return filepath.Join(d.root, "postgres.log") }
func (d directory) lockFile(name string) string    { return filepath.Join(d.root, name+".lock") }
func (d directory) pidFile() string                { return filepath.Join(d.data(), "postmaster.pid") }
func (d directory) download(version string) string { return filepath.Join(d.root, "postgres-"+version) }

// DefaultDir returns the data directory that is used when none is named: /var/lib/studycall for root, otherwise a folder for
// application data below the user's home. It fails if there is no home.
func DefaultDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/studycall", nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "studycall"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the default data directory (choose one with --data-dir): %w", err)
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "studycall"), nil
	}
	return filepath.Join(home, ".local", "share", "studycall"), nil
}

// findDirectory makes path absolute and free of links, so that every process uses the same one.
func findDirectory(path string) (directory, error) {
	var err error
	if path == "" {
		if path, err = DefaultDir(); err != nil {
			return directory{}, err
		}
	}
	if path, err = filepath.Abs(path); err != nil {
		return directory{}, fmt.Errorf("find the data directory: %w", err)
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	return directory{root: path}, nil
}

// check fails, before anything is written, with ErrNotOurs for a folder that holds another program's files, and with ErrNoData
// if there must be data and there is none. A folder that this process cannot read passes: opening it fails with the reason.
func (d directory) check(mustHaveData bool) error {
	if _, err := os.Stat(filepath.Join(d.root, "PG_VERSION")); err == nil {
		return fmt.Errorf("%s is the inside of a Postgres cluster, and %w; choose another --data-dir", d.root, ErrNotOurs)
	}
	entries, err := os.ReadDir(d.root)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOTDIR):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read the data directory: %w", err)
	}
	// Locks exist from the first moment; data without them was restored from a backup. A fresh disk has lost+found.
	data := exists(filepath.Join(d.data(), "PG_VERSION"))
	ours := data || exists(d.lockFile("serve")) || exists(d.lockFile("users")) || exists(d.lockFile("start"))
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

// exists reports whether the file exists or must not be read.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil || errors.Is(err, fs.ErrPermission)
}

// create makes the directory if it does not exist, and returns the owner of the files in it.
func (d directory) create() (owner, error) {
	mode := fs.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o755 // the server's account has to enter; the folders inside are closed to others
	}
	if err := mkdirAll(d.root, mode); err != nil {
		return owner{}, fmt.Errorf("create the data directory: %w", err)
	}
	found, err := ownerOf(d.root)
	if err != nil {
		return owner{}, err
	}
	if os.Geteuid() != 0 && found.uid != os.Geteuid() {
		return owner{}, fmt.Errorf("data directory %s belongs to user %d and this is user %d: run as that user or choose another --data-dir: %w",
			d.root, found.uid, os.Geteuid(), fs.ErrPermission)
	}
	return found, nil
}

// mkdirAll is os.MkdirAll, except that new folders have exactly the mode, whatever the umask.
func mkdirAll(path string, mode fs.FileMode) error {
	err := os.Mkdir(path, mode)
	if errors.Is(err, fs.ErrNotExist) {
		if err := mkdirAll(filepath.Dir(path), mode); err != nil {
			return err
		}
		err = os.Mkdir(path, mode)
	}
	if err == nil {
		return os.Chmod(path, mode)
	}
	if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
		return nil // it existed, or another process was faster
	}
	return err
}

// major returns the Postgres major version that made the data, 0 if there is none yet.
func (d directory) major() (int, error) {
	text, err := os.ReadFile(filepath.Join(d.data(), "PG_VERSION"))
	if err == nil {
		major, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return 0, fmt.Errorf("read the version of the data in %s: %w", d.data(), err)
		}
		return major, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("read the version of the data: %w", err)
	}
	if entries, err := os.ReadDir(d.data()); err == nil && len(entries) > 0 {
		return 0, fmt.Errorf("%s holds files but no Postgres data (no PG_VERSION); move the files to another folder or choose another --data-dir", d.data())
	}
	return 0, nil
}

// socketDir creates the folder of the socket, which only the account may enter, and returns its path. A running server may use
// another one, because its first user had another TMPDIR: see findRunning.
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
		return "", fmt.Errorf("create the socket's folder: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "", fmt.Errorf("create the socket's folder: %w", err)
	}
	found, err := ownerOf(path)
	if err != nil {
		return "", err
	}
	// Everybody can write in the folder of temporary files: a folder that another user made must not be used.
	if !info.IsDir() || (found.uid != account.uid && found.uid != os.Geteuid()) {
		return "", fmt.Errorf("the socket's folder %s belongs to user %d, not to us; remove it or choose another --data-dir", path, found.uid)
	}
	if err := os.Chmod(path, 0o700); err != nil { //nolint:gosec // a folder needs its x
		return "", fmt.Errorf("close the socket's folder to others: %w", err)
	}
	return path, account.chown(path)
}

func socketFile(socketDir string) string {
	return filepath.Join(socketDir, ".s.PGSQL."+strconv.Itoa(socketPort))
}
