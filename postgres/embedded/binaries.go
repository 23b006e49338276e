package embedded

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The versions that studycall supports. A newer one is used only if there is no other.
const (
	oldestMajor = 14
	newestMajor = 18
)

// binaries are one installed Postgres.
type binaries struct {
	dir   string
	major int
}

// search is where binaries come from.
type search struct {
	folders    func(ctx context.Context) []string // on this machine, best first
	repository string                             // URL to download from
}

// InstalledMajor returns the Postgres major version with which Open would create data: the best one on this machine, 0 if
// there is none (Open would then download one).
func InstalledMajor(ctx context.Context) (int, error) {
	account, err := serverAccount()
	if err != nil {
		return 0, err
	}
	found, _ := choose(account.installed(ctx, usualFolders(ctx)), 0)
	return found.major, ctx.Err()
}

// findBinaries returns the binaries for data of the major version (0: there is no data yet): those of BinDir, otherwise those
// of this machine, otherwise downloaded ones.
func (s *Server) findBinaries(ctx context.Context, options Options, major int) (binaries, error) {
	if options.BinDir != "" {
		found, err := s.account.inspect(ctx, options.BinDir)
		if err != nil {
			return binaries{}, fmt.Errorf("use the Postgres binaries in %s: %w", options.BinDir, err)
		}
		if major != 0 && found.major != major {
			return binaries{}, fmt.Errorf("the data in %s was made by Postgres %d, but the binaries in %s are Postgres %d; "+
				"name those of %d, or choose another --data-dir", s.dir.root, major, found.dir, found.major, major)
		}
		return found, nil
	}
	sources := options.search
	if sources == nil {
		sources = &search{folders: usualFolders, repository: mavenCentral}
	}
	installed := s.account.installed(ctx, sources.folders(ctx))
	if found, ok := choose(installed, major); ok {
		return found, nil
	}
	found, err := s.download(ctx, sources.repository, major)
	if err != nil {
		return binaries{}, missingError(s.dir, installed, major, err)
	}
	return found, nil
}

// choose returns the first binaries of the major version. For new data (0) it returns the first of a supported version,
// otherwise the first of a newer one.
func choose(installed []binaries, major int) (binaries, bool) {
	at := slices.IndexFunc(installed, func(b binaries) bool { return b.major == major || major == 0 && b.major <= newestMajor })
	switch {
	case at >= 0:
		return installed[at], true
	case major == 0 && len(installed) > 0:
		return installed[0], true
	default:
		return binaries{}, false
	}
}

func missingError(dir directory, installed []binaries, major int, cause error) error {
	if major == 0 {
		return fmt.Errorf("no Postgres (%d or newer) was found on this machine; install one (apt-get install postgresql, "+
			"brew install postgresql@17), or give --database-url: %w", oldestMajor, cause)
	}
	found := make([]string, len(installed))
	for i, each := range installed {
		found[i] = fmt.Sprintf("%d (%s)", each.major, each.dir)
	}
	return fmt.Errorf("the data in %s was made by Postgres %d, and this machine has %s; install that version (apt-get install "+
		"postgresql-%d, brew install postgresql@%d), or choose another --data-dir, or give --database-url: %w",
		dir.root, major, cmp.Or(strings.Join(found, ", "), "none"), major, major, cause)
}

// installed returns the usable binaries in the folders, each once.
func (a account) installed(ctx context.Context, folders []string) []binaries {
	var result []binaries
	seen := map[string]bool{}
	for _, folder := range folders {
		target, err := filepath.EvalSymlinks(filepath.Join(folder, "postgres"))
		if err != nil || seen[target] {
			continue
		}
		seen[target] = true
		if found, err := a.inspect(ctx, folder); err == nil {
			result = append(result, found)
		}
	}
	return result
}

var majorVersion = regexp.MustCompile(`\) (\d{1,9})`)

// inspect runs the binary as the account, so that one which the account cannot run is not used.
func (a account) inspect(ctx context.Context, folder string) (binaries, error) {
	if _, err := os.Stat(filepath.Join(folder, "initdb")); err != nil {
		return binaries{}, fmt.Errorf("look for initdb: %w", err)
	}
	output, err := a.command(ctx, "/", filepath.Join(folder, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, fmt.Errorf("run postgres --version as user %s: %w", a.name, err)
	}
	match := majorVersion.FindSubmatch(output)
	if match == nil {
		return binaries{}, fmt.Errorf("postgres --version says %q", output)
	}
	major, _ := strconv.Atoi(string(match[1]))
	if major < oldestMajor {
		return binaries{}, fmt.Errorf("this Postgres is older than %d", oldestMajor)
	}
	return binaries{dir: folder, major: major}, nil
}

// usualFolders are the folders where Postgres is installed: those on the PATH, that of pg_config, and those of the systems'
// packages.
func usualFolders(ctx context.Context) []string {
	var folders []string
	for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(folder) {
			folders = append(folders, folder)
		}
	}
	if output, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(output)))
	}
	patterns := []string{
		"/usr/lib/postgresql/%s/bin", "/usr/pgsql-%s/bin", "/usr/lib/postgresql%s/bin", "/usr/libexec/postgresql%s",
		"/opt/homebrew/opt/postgresql@%s/bin", "/usr/local/opt/postgresql@%s/bin",
		"/home/linuxbrew/.linuxbrew/opt/postgresql@%s/bin",
		"/Applications/Postgres.app/Contents/Versions/%s/bin", "/Library/PostgreSQL/%s/bin", "/opt/local/lib/postgresql%s/bin",
	}
	for major := newestMajor; major >= oldestMajor; major-- {
		for _, pattern := range patterns {
			folders = append(folders, fmt.Sprintf(pattern, strconv.Itoa(major)))
		}
	}
	folders = append(folders, "/usr/local/pgsql/bin", "/opt/homebrew/bin", "/usr/local/bin")
	// Versions that are newer than this program.
	for _, pattern := range patterns {
		newer, _ := filepath.Glob(fmt.Sprintf(pattern, "[0-9]*"))
		folders = append(folders, newer...)
	}
	return folders
}
