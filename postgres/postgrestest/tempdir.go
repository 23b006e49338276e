package postgrestest

import (
	"os"

	"golang.org/x/sys/unix"
)

// enoughMemory is the free space that a file system in memory must have: one database is small, but hundreds of them and the
// write-ahead log are not.
const enoughMemory = 4 << 30

// tempDir returns the folder for the servers' data: $TMPDIR if that is set, otherwise memory, otherwise the folder for temporary
// files. A test waits for the creation of its database's 300 files: measured, 10 ms in memory and 130 to 400 ms on the disk of a
// virtual machine.
func tempDir() string {
	if os.Getenv("TMPDIR") == "" {
		var memory unix.Statfs_t
		if unix.Statfs("/dev/shm", &memory) == nil && unix.Access("/dev/shm", unix.W_OK) == nil &&
			memory.Bavail > enoughMemory/uint64(max(memory.Bsize, 1)) { //nolint:gosec,nolintlint // its type differs between systems
			return enterable("/dev/shm")
		}
	}
	return diskDir()
}

// diskDir returns the folder for temporary files. A test that measures durability needs a disk there.
func diskDir() string { return enterable(os.TempDir()) }

// enterable returns the folder, or /tmp if Postgres cannot enter it: started by root, Postgres runs as another user.
func enterable(dir string) string {
	info, err := os.Stat(dir)
	if os.Getuid() == 0 && err == nil && info.Mode().Perm()&0o001 == 0 {
		return "/tmp"
	}
	return dir
}
