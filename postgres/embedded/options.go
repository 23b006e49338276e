package embedded

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
)

// Options select the server to open. Every zero value has a meaning. Open does not change them.
type Options struct {
	// Dir is the data directory, created on first use and reused after; empty means DefaultDir.
	Dir string
	// Exclusive claims the directory among the processes that ask for the same (the serving program): a second one gets an
	// InUseError. Processes that do not ask are not affected.
	Exclusive bool
	// Existing opens only a directory that has data, and creates none.
	Existing bool
	// Settings are Postgres settings, name to value. They override ours, except the socket and the log. They apply when this
	// process starts the server; a running server keeps its own. With "fsync" set to "off", initdb skips its syncs as well.
	Settings map[string]string
	// BinDir is the folder of the Postgres binaries; empty means to search the machine, then to download them.
	BinDir string
	// Logger receives slow steps and errors in the background; nil means slog.Default().
	Logger *slog.Logger

	// search is where binaries come from; nil means this machine, then the public repository. Tests have their own.
	search *search
}

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
		return "", fmt.Errorf("finding the default data directory (choose one with --data-dir): %w", err)
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "studycall"), nil
	}
	return filepath.Join(home, ".local", "share", "studycall"), nil
}
