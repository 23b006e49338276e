package embedded

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
)

func TestChooseAmongInstalledVersions(t *testing.T) {
	t.Parallel()
	at := func(majors ...int) (result []binaries) {
		for _, major := range majors {
			result = append(result, binaries{major: major})
		}
		return result
	}
	for name, each := range map[string]struct {
		installed   []binaries
		major, want int
	}{
		"the first folder wins":                    {at(15, 17), 0, 15},
		"a known version before a newer one":       {at(19, 16), 0, 16},
		"a newer one if there is nothing else":     {at(19), 0, 19},
		"existing data needs its own version":      {at(17, 15), 15, 15},
		"existing data accepts no other version":   {at(17, 15), 14, 0},
		"existing data of a version newer than us": {at(17, 20), 20, 20},
		"nothing installed":                        {nil, 0, 0},
	} {
		if got, ok := choose(each.installed, each.major); got.major != each.want || ok != (each.want != 0) {
			t.Errorf("%s: got %d, %v, want %d", name, got.major, ok, each.want)
		}
	}
}

func TestBinariesOfThisMachineAreFound(t *testing.T) {
	t.Parallel()
	slow(t)
	major, err := InstalledMajor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server := open(t, Options{Dir: testDir(t)})
	if major != 0 && !strings.HasPrefix(server.Version(), strconv.Itoa(major)) {
		t.Errorf("the server is %s, want major %d", server.Version(), major)
	}
	for _, name := range []string{"postgres", "initdb"} {
		if _, err := os.Stat(filepath.Join(server.BinDir(), name)); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenNamesTheMissingVersionOfExistingData(t *testing.T) {
	t.Parallel()
	slow(t)
	// Given data of an old version, whose binaries are not installed
	dir := testDir(t)
	check.NoError(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	check.NoError(t, os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("12\n"), 0o600))
	_, err := tryOpen(t, Options{Dir: dir})
	if err == nil {
		t.Fatal("opened")
	}
	for _, want := range []string{dir, "Postgres 12", "postgresql-12", "postgresql@12", "--data-dir", "--database-url"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to mention %s", err, want)
		}
	}
	// When BinDir names binaries of another version, or a folder without binaries, the error says so as well
	other := open(t, Options{Dir: testDir(t)})
	if _, err := tryOpen(t, Options{Dir: dir, BinDir: other.BinDir()}); err == nil || !strings.Contains(err.Error(), "Postgres 12") {
		t.Errorf("got %v with named binaries of another version", err)
	}
	if _, err := tryOpen(t, Options{Dir: testDir(t), BinDir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "initdb") {
		t.Errorf("got %v with a folder without binaries", err)
	}
}

// noFolders is the search on a machine without Postgres.
func noFolders(context.Context) []string { return nil }
