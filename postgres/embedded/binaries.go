package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The versions that studycall is made for. Newer ones are used only if there is nothing else.
const (
	oldestMajor = 14
	newestMajor = 18
)

// binaries are one installed Postgres.
type binaries struct {
	dir   string
	major int
}

// search says where to look for binaries.
type search struct {
	folders    func(ctx context.Context) []string // on this machine, best first
	repository string                             // to download from; empty means the library's default
}

// InstalledMajor returns the Postgres major version that Open would make new data with: the best one on this machine, 0 if
// there is none (Open would then download one).
func InstalledMajor(ctx context.Context) (int, error) {
	account, err := newDataAccount()
	if err != nil {
		return 0, err
	}
	s := &Server{account: account}
	found, _ := choose(s.installed(ctx, usualFolders(ctx)), 0)
	return found.major, ctx.Err()
}

// findBinaries returns the binaries for data of the wanted major version (0: there is no data yet): those of BinDir, else
// those of this machine, else downloaded ones.
func (s *Server) findBinaries(ctx context.Context, options Options, wanted int) (binaries, error) {
	if options.BinDir != "" {
		found, err := s.inspect(ctx, options.BinDir)
		if err != nil {
			return binaries{}, fmt.Errorf("using the Postgres binaries in %s: %w", options.BinDir, err)
		}
		if wanted != 0 && found.major != wanted {
			return binaries{}, fmt.Errorf("the data in %s was made by Postgres %d, but the binaries in %s are Postgres %d; "+
				"name those of %d, or choose another --data-dir", s.dir.root, wanted, found.dir, found.major, wanted)
		}
		return found, nil
	}
	where := options.search
	if where == nil {
		where = &search{folders: usualFolders}
	}
	installed := s.installed(ctx, where.folders(ctx))
	if found, ok := choose(installed, wanted); ok {
		return found, nil
	}
	found, err := s.download(ctx, where.repository, wanted)
	if err != nil {
		return binaries{}, missingError(s.dir, installed, wanted, err)
	}
	return found, nil
}

// choose prefers the order of the folders; for new data it takes a version that we know over a newer one.
func choose(installed []binaries, wanted int) (binaries, bool) {
	fits := func(b binaries) bool { return b.major == wanted }
	if wanted == 0 {
		fits = func(b binaries) bool { return b.major >= oldestMajor && b.major <= newestMajor }
	}
	if at := slices.IndexFunc(installed, fits); at >= 0 {
		return installed[at], true
	}
	if wanted == 0 {
		if at := slices.IndexFunc(installed, func(b binaries) bool { return b.major > newestMajor }); at >= 0 {
			return installed[at], true
		}
	}
	return binaries{}, false
}

func missingError(dir directory, installed []binaries, wanted int, cause error) error {
	var have []string
	for _, each := range installed {
		have = append(have, fmt.Sprintf("%d (%s)", each.major, each.dir))
	}
	if wanted != 0 {
		found := "none"
		if len(have) > 0 {
			found = strings.Join(have, ", ")
		}
		return fmt.Errorf("the data in %s was made by Postgres %d, and this machine has %s; install that version (apt-get install "+
			"postgresql-%d, brew install postgresql@%d), or choose another --data-dir, or give --database-url: %w",
			dir.root, wanted, found, wanted, wanted, cause)
	}
	return fmt.Errorf("no Postgres (%d or newer) was found on this machine; install one (apt-get install postgresql, brew install "+
		"postgresql@17), or give --database-url: %w", oldestMajor, cause)
}

// installed returns the usable ones of the folders, each once.
func (s *Server) installed(ctx context.Context, folders []string) []binaries {
	var result []binaries
	seen := map[string]bool{}
	for _, folder := range folders {
		target, err := filepath.EvalSymlinks(filepath.Join(folder, "postgres"))
		if err != nil || seen[target] {
			continue
		}
		seen[target] = true
		if found, err := s.inspect(ctx, folder); err == nil {
			result = append(result, found)
		}
	}
	return result
}

// inspect runs the binary as the server's user, so that one which that user cannot run does not count.
func (s *Server) inspect(ctx context.Context, folder string) (binaries, error) {
	if _, err := os.Stat(filepath.Join(folder, "initdb")); err != nil {
		return binaries{}, fmt.Errorf("looking for initdb: %w", err)
	}
	output, err := s.account.command(ctx, "/", filepath.Join(folder, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, fmt.Errorf("running postgres --version as user %s: %w", s.account.name, err)
	}
	match := regexp.MustCompile(`\) (\d+)`).FindSubmatch(output)
	if match == nil {
		return binaries{}, fmt.Errorf("postgres --version says %q", output)
	}
	major, err := strconv.Atoi(string(match[1]))
	if err != nil {
		return binaries{}, fmt.Errorf("postgres --version says %q: %w", output, err)
	}
	if major < oldestMajor {
		return binaries{}, errors.New("this Postgres is older than " + strconv.Itoa(oldestMajor))
	}
	return binaries{dir: folder, major: major}, nil
}

// usualFolders are where Postgres is installed: on the PATH, where pg_config says, and where systems put it.
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
	// Versions that came out after this was written.
	for _, pattern := range patterns {
		newer, _ := filepath.Glob(fmt.Sprintf(pattern, "[0-9]*"))
		folders = append(folders, newer...)
	}
	return folders
}
