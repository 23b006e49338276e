package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// account is the operating system's user that Postgres runs as. Postgres refuses to run as root.
type account struct {
	owner
	name   string
	groups []uint32
	// other says that the account is not the user of this process, which is then root.
	other bool
}

// serverAccount is this process's own user. For root it is the owner of one of the folders, of which the first is the data's,
// otherwise the user postgres or nobody.
func serverAccount(folders ...string) (account, error) {
	if uid := os.Geteuid(); uid != 0 {
		return account{owner: owner{uid: uid, gid: os.Getegid()}, name: strconv.Itoa(uid)}, nil
	}
	for i, folder := range folders {
		found, err := ownerOf(folder)
		if err != nil || found.uid == 0 {
			continue
		}
		known, err := user.LookupId(strconv.Itoa(found.uid))
		if err == nil {
			return knownAccount(known)
		}
		// A uid without a name can run a server, but not initdb.
		if i == 0 {
			return account{owner: found, name: strconv.Itoa(found.uid), other: true}, nil
		}
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		if known, err := user.Lookup(name); err == nil {
			return knownAccount(known)
		}
	}
	return account{}, errors.New("postgres cannot run as root, and there is no user postgres or nobody to run it as; " +
		"run studycall as an ordinary user, or give --database-url")
}

func knownAccount(known *user.User) (account, error) {
	uid, uidErr := strconv.Atoi(known.Uid)
	gid, gidErr := strconv.Atoi(known.Gid)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return account{}, fmt.Errorf("read the ids of user %s: %w", known.Username, err)
	}
	result := account{owner: owner{uid: uid, gid: gid}, name: known.Username, other: true}
	// A folder may be open to one of the supplementary groups; without them the server still works.
	ids, _ := known.GroupIds()
	for _, id := range ids {
		if group, err := strconv.ParseUint(id, 10, 32); err == nil {
			result.groups = append(result.groups, uint32(group))
		}
	}
	return result, nil
}

// command prepares a program that runs as the account in the folder dir, in a session of its own, because Ctrl-C in our
// terminal must not reach it. Of our environment, which holds secrets, the program gets only what it needs to find libraries.
func (a account) command(ctx context.Context, dir, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // a Postgres binary that was found
	cmd.Dir = dir
	cmd.Env = []string{"LC_ALL=C"}
	for _, name := range []string{"PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"} {
		if value, set := os.LookupEnv(name); set {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a.other {
		//nolint:gosec // both came from 32 bits
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid), Groups: a.groups}
	}
	// The whole session, because initdb has children.
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	return cmd
}

// checkAccess fails if the account cannot enter path or a folder above it, and names that folder. Folders that do not exist
// yet are not checked.
func (a account) checkAccess(ctx context.Context, path string) error {
	if !a.other {
		return nil
	}
	closed := a.closedFolder(ctx, path)
	if ctx.Err() != nil {
		return fmt.Errorf("check whether user %s can enter %s: %w", a.name, path, context.Cause(ctx))
	}
	if closed == "" {
		return nil
	}
	return fmt.Errorf("postgres cannot run as root, so it runs as user %s, and that user cannot enter %s (on the way to %s): "+
		"choose another --data-dir, or let that user in with chmod o+x: %w", a.name, closed, path, fs.ErrPermission)
}

// closedFolder returns the uppermost existing folder on the path that the account cannot enter, "" if there is none. It runs
// a program in the folder instead of reading permission bits, because access lists and mount options count too.
func (a account) closedFolder(ctx context.Context, path string) string {
	if parent := filepath.Dir(path); parent != path {
		if closed := a.closedFolder(ctx, parent); closed != "" {
			return closed
		}
	}
	if _, err := os.Stat(path); err != nil || a.command(ctx, path, "/bin/sh", "-c", ":").Run() == nil {
		return ""
	}
	return path
}

// owner is the user and group that a file belongs to.
type owner struct{ uid, gid int }

func ownerOf(path string) (owner, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return owner{}, fmt.Errorf("read the owner of %s: %w", path, err)
	}
	stat := info.Sys().(*syscall.Stat_t) //nolint:forcetypeassert // as on every Unix
	return owner{uid: int(stat.Uid), gid: int(stat.Gid)}, nil
}

// chown makes path (not the target of a link) belong to o. Only root can do that, and only root has to.
func (o owner) chown(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	if err := os.Lchown(path, o.uid, o.gid); err != nil {
		return fmt.Errorf("change the owner: %w", err)
	}
	return nil
}

// takeOwnership gives data of root (restored from a backup, a fresh mount) to the server's account.
func (s *Server) takeOwnership() error {
	found, err := ownerOf(s.dir.data())
	if err != nil || found.uid == s.account.uid || !s.account.other {
		return err
	}
	return filepath.WalkDir(s.dir.data(), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return s.account.chown(path)
	})
}
