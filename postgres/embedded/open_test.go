package embedded

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/studycall/studycall/check"
)

func TestDataIsCreatedOnceAndReused(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(testDir(t), "not", `there "yet"`)

	// Given a server with its default settings
	first := open(t, Options{Dir: dir, Settings: map[string]string{"max_connections": "20"}})
	for setting, want := range map[string]string{
		"fsync": "on", "listen_addresses": "", "server_encoding": "UTF8", "data_checksums": "on",
		"max_connections": "20", "server_version": first.Version(),
	} {
		if got, _, _ := strings.Cut(query(t, first, "show "+setting), " "); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if session, err := unix.Getsid(first.PID()); err != nil || session != first.PID() {
		t.Errorf("the server is in session %d (%v), want one of its own: Ctrl-C must not reach it", session, err)
	}
	query(t, first, "create table kept (n int)")
	pid := first.PID()

	// When it is closed and opened again
	closeNow(t, first)
	if alive(pid) {
		t.Errorf("the server runs after its last user left")
	}
	second := open(t, Options{Dir: dir})

	// Then it is the same database
	if got := query(t, second, "select count(*)::text from kept"); got != "0" {
		t.Errorf("got %q from the table made before", got)
	}
}

func TestTheServerRunsAsAnUnprivilegedUser(t *testing.T) {
	t.Parallel()
	slow(t)
	server := open(t, Options{Dir: testDir(t)})
	found, err := ownerOf(server.dir.data())
	check.NoError(t, err)
	if found.uid == 0 || found.uid != server.account.uid {
		t.Errorf("the data belongs to user %d, want %d", found.uid, server.account.uid)
	}
	for _, private := range []string{server.dir.data(), server.socketDir} {
		info, err := os.Stat(private)
		check.NoError(t, err)
		if info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v, want it closed to others", private, info.Mode())
		}
	}
}

func TestDataOfAnotherUserKeepsItsOwner(t *testing.T) {
	t.Parallel()
	slow(t)
	dir := testDir(t)
	if os.Geteuid() != 0 {
		// An ordinary user cannot change owners: Open refuses a folder of another user, here of root.
		_, err := tryOpen(t, Options{Dir: "/"})
		if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, ErrNotOurs) {
			t.Errorf("got %v for a folder of root, want a refusal", err)
		}
		return
	}
	nobody, err := user.Lookup("nobody")
	check.NoError(t, err)
	uid, err := strconv.Atoi(nobody.Uid)
	check.NoError(t, err)
	check.NoError(t, os.Chown(dir, uid, -1))
	server := open(t, Options{Dir: dir})
	for _, path := range []string{server.dir.data(), server.dir.log(), server.dir.lockFile("users")} {
		if found, err := ownerOf(path); err != nil || found.uid != uid {
			t.Errorf("%s belongs to %v (%v), want the folder's owner", path, found, err)
		}
	}
}

func TestOpenNamesTheFolderThatTheServersAccountCannotEnter(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(testDir(t), "closed")
	check.NoError(t, os.Mkdir(closed, 0o700))
	dir := filepath.Join(closed, "data")
	if os.Geteuid() != 0 {
		check.NoError(t, os.Chmod(closed, 0))
		t.Cleanup(func() { _ = os.Chmod(closed, 0o700) })
	}
	_, err := tryOpen(t, Options{Dir: dir})
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), closed) {
		t.Fatalf("got %v, want a permission error that names %s", err, closed)
	}
	if os.Geteuid() == 0 && !strings.Contains(err.Error(), "choose another --data-dir") {
		t.Errorf("got %q, want advice", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder was created")
	}
}

func TestALongPathHasItsSocketBelowTmp(t *testing.T) {
	t.Parallel()
	slow(t)
	dir := filepath.Join(testDir(t), strings.Repeat("long/", 25), `with "quotes", and a comma`)
	server := open(t, Options{Dir: dir})
	if got := query(t, server, "select 'hello'"); got != "hello" {
		t.Errorf("got %q", got)
	}
	sockets := server.socketDir
	if strings.HasPrefix(sockets, dir) {
		t.Errorf("the socket is in %s", sockets)
	}
	closeNow(t, server)
	if _, err := os.Stat(sockets); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket's folder was not removed: %v", err)
	}
}

func TestARunningServerIsFoundFromAnotherTMPDIR(t *testing.T) {
	slow(t)
	dir := filepath.Join(testDir(t), strings.Repeat("long/", 25))
	t.Setenv("TMPDIR", testDir(t))
	first := open(t, Options{Dir: dir})
	t.Setenv("TMPDIR", testDir(t))
	second := open(t, Options{Dir: dir})
	query(t, second, "select 'hello'")
	if first.URL() != second.URL() {
		t.Errorf("the URLs are %s and %s", first.URL(), second.URL())
	}
}

func TestAFailedStartReturnsTheServersLog(t *testing.T) {
	t.Parallel()
	slow(t)
	dir := testDir(t)
	_, err := tryOpen(t, Options{Dir: dir, Settings: map[string]string{"fsync": "off", "max_connections": "many"}})
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "max_connections"`) {
		t.Fatalf("got %v, want the server's message", err)
	}
	// And the next attempt works.
	open(t, Options{Dir: dir, Exclusive: true})
}

func TestFoldersOfOtherProgramsAreRefused(t *testing.T) {
	t.Parallel()
	cluster, junk, file := testDir(t), testDir(t), filepath.Join(testDir(t), "file")
	check.NoError(t, os.WriteFile(filepath.Join(cluster, "PG_VERSION"), []byte("15\n"), 0o600))
	check.NoError(t, os.MkdirAll(filepath.Join(junk, "data", "pictures"), 0o700))
	check.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{cluster, junk, file} {
		if _, err := tryOpen(t, Options{Dir: dir}); err == nil {
			t.Errorf("%s was opened", dir)
		} else {
			t.Log(err)
		}
	}
}

func TestDefaultDirIsAbsolute(t *testing.T) {
	t.Parallel()
	dir, err := DefaultDir()
	if err != nil || !filepath.IsAbs(dir) || filepath.Base(dir) != "studycall" {
		t.Errorf("got %q, %v", dir, err)
	}
}

func TestTheServerDoesNotInheritOurEnvironment(t *testing.T) {
	t.Parallel()
	allowed := []string{"PATH", "TMPDIR", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"}
	cmd := account{}.command(t.Context(), "/", "/bin/sh")
	for _, each := range cmd.Env {
		if name, _, _ := strings.Cut(each, "="); !slices.Contains(allowed, name) {
			t.Errorf("the server inherits %s", each)
		}
	}
}
