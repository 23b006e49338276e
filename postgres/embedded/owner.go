package embedded

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// owner is the user and group that a file belongs to.
type owner struct{ uid, gid int }

func ownerOf(path string) (owner, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return owner{}, fmt.Errorf("looking up the owner of %s: %w", path, err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return owner{}, fmt.Errorf("the owner of %s is not known on this system", path)
	}
	return owner{uid: int(stat.Uid), gid: int(stat.Gid)}, nil
}

// give makes path (not what a link points to) belong to o. Only root can, and only root has to.
func (o owner) give(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	if err := os.Lchown(path, o.uid, o.gid); err != nil {
		return fmt.Errorf("changing the owner: %w", err)
	}
	return nil
}

// giveFile is give for an open file.
func (o owner) giveFile(file *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	if err := file.Chown(o.uid, o.gid); err != nil {
		return fmt.Errorf("changing the owner: %w", err)
	}
	return nil
}

// giveTree is give for path and everything below it.
func (o owner) giveTree(path string) error {
	return filepath.WalkDir(path, func(at string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return o.give(at)
	})
}
