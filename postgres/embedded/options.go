package embedded

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
)

// Options say which server to open and how. Every zero value has a meaning. Open does not change them.
type Options struct {
	// Dir is the data directory, created on first use and reused after; empty means DefaultDir.
	Dir string
	// Exclusive claims the directory for this process among those that ask for the same (the serving program): a second
	// one gets an InUseError. Processes that do not ask are not affected.
	Exclusive bool
	// Existing opens only a directory that has data, and makes none: for a program that has nothing to do without.
	Existing bool
	// Settings are Postgres settings, name to value, over our own but for the ways in and the log. They count when this process starts the server; a
	// server that runs already keeps its own. "fsync" set to "off" also makes creating the data skip its syncs.
	Settings map[string]string
	// BinDir is the folder of the Postgres binaries; empty means to look for them, and to download them if there are none.
	BinDir string
	// Logger hears what takes long and what goes wrong in the background; nil means slog.Default().
	Logger *slog.Logger

	// search says where binaries come from; nil means this machine, then the public repository. Tests have their own.
	search *search
}

// DefaultDir returns the data directory that is used when none is named: /var/lib/studycall for root, else a folder for
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
		return "", fmt.Errorf("finding the default data directory (choose one with --data-dir): %w", err)
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "studycall"), nil
	}
	return filepath.Join(home, ".local", "share", "studycall"), nil
}
