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

// account is the operating system's user that Postgres runs as. Postgres refuses to be root.
type account struct {
	owner
	name   string
	groups []uint32
	// other says that it is not the user of this process, which is then root.
	other bool
}

// serverAccount is this process's own user; for root it is whoever owns the data already, else the user postgres, else nobody.
func serverAccount(dir directory) (account, error) {
	if os.Geteuid() != 0 {
		return newDataAccount()
	}
	for _, path := range []string{dir.data(), dir.root} {
		if found, err := ownerOf(path); err == nil && found.uid != 0 {
			// A number without a name can run a server, but not initdb; so it counts only as the owner of data.
			if known, err := user.LookupId(strconv.Itoa(found.uid)); err == nil {
				return knownAccount(known)
			} else if path == dir.data() {
				return account{owner: found, name: strconv.Itoa(found.uid), other: true}, nil
			}
		}
	}
	return newDataAccount()
}

// newDataAccount is serverAccount where nothing belongs to anybody yet.
func newDataAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{owner: owner{uid: os.Geteuid(), gid: os.Getegid()}, name: strconv.Itoa(os.Geteuid())}, nil
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
		return account{}, fmt.Errorf("reading the ids of user %s: %w", known.Username, err)
	}
	result := account{owner: owner{uid: uid, gid: gid}, name: known.Username, other: true}
	// Supplementary groups give access to TLS keys and the like; without them the server still works.
	ids, _ := known.GroupIds()
	for _, id := range ids {
		if group, err := strconv.ParseUint(id, 10, 32); err == nil {
			result.groups = append(result.groups, uint32(group))
		}
	}
	return result, nil
}

// command prepares a program that runs as the account in the folder dir, in a session of its own (Ctrl-C in our terminal
// is ours to handle), with nothing of our environment but what finding libraries needs: it holds our secrets.
func (a account) command(ctx context.Context, dir, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // running the Postgres that we found is the point
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

// checkReach fails, naming the folder, if the account cannot get into path or one of the folders above it. What does not
// exist yet is not looked at.
func (a account) checkReach(ctx context.Context, path string) error {
	if !a.other {
		return nil
	}
	var existing []string
	for at := path; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil {
			existing = append(existing, at)
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	if len(existing) == 0 || a.canEnter(ctx, existing[0]) {
		return nil
	}
	for i := len(existing) - 1; i >= 0; i-- {
		if !a.canEnter(ctx, existing[i]) {
			if ctx.Err() != nil {
				return fmt.Errorf("trying whether user %s can enter %s: %w", a.name, path, context.Cause(ctx))
			}
			return fmt.Errorf("postgres cannot run as root, so it runs as user %s, and that user cannot enter %s (on the way to %s): "+
				"choose another --data-dir, or let that user in with chmod o+x: %w", a.name, existing[i], path, fs.ErrPermission)
		}
	}
	return nil // the folder was opened in the meantime
}

// canEnter really tries, rather than read permission bits: access lists and mount options count too.
func (a account) canEnter(ctx context.Context, dir string) bool {
	return a.command(ctx, dir, "/bin/sh", "-c", ":").Run() == nil
}
