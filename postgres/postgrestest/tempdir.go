package postgrestest

import (
	"os"

	"golang.org/x/sys/unix"
)

// enoughMemory is what a file system in memory must have free to be used: our databases are small, but hundreds of them
// at once, and their log, are not.
const enoughMemory = 4 << 30

// tempDir is where the servers keep their data: $TMPDIR if that is set, else memory, else the folder for temporary files.
// A database is some 300 files, and making those is what a test waits for: measured, 10 ms in memory and 130 to 400 ms on
// the disk of a virtual machine.
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

// diskDir is the folder for temporary files, which is on a disk where durability is to be measured.
func diskDir() string { return enterable(os.TempDir()) }

// enterable is the folder, unless Postgres cannot get in: started by root, it runs as another user.
func enterable(dir string) string {
	info, err := os.Stat(dir)
	if os.Getuid() == 0 && err == nil && info.Mode().Perm()&0o001 == 0 {
		return "/tmp"
	}
	return dir
}
