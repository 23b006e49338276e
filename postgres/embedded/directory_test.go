package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
)

// A refused folder stays unchanged.
func TestAFolderOfAnotherProgramStaysUnchanged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file     string // in the folder; "" for an empty one
		existing bool
		want     error
	}{
		"another program's":           {"main.go", false, ErrNotOurs},
		"another program's, existing": {"main.go", true, ErrNotOurs},
		"another's folder named data": {"data/main.go", false, ErrNotOurs},
		"the inside of a cluster":     {"PG_VERSION", false, ErrNotOurs},
		"empty, existing":             {"", true, ErrNoData},
		"a fresh disk, existing":      {"lost+found/x", true, ErrNoData},
		"an aborted start, existing":  {"users.lock", true, ErrNoData},
		"a missing folder, existing":  {"-", true, ErrNoData},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := testDir(t)
			switch c.file {
			case "":
			case "-":
				dir = filepath.Join(dir, "mistyped")
			default:
				check.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(c.file)), 0o755))
				check.NoError(t, os.WriteFile(filepath.Join(dir, c.file), nil, 0o600))
			}
			before, _ := filepath.Glob(filepath.Join(dir, "*"))

			_, err := tryOpen(t, Options{Dir: dir, Existing: c.existing})

			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "--data-dir") {
				t.Errorf("got %v, want %v, with the folder", err, c.want)
			}
			if after, _ := filepath.Glob(filepath.Join(dir, "*")); strings.Join(after, " ") != strings.Join(before, " ") {
				t.Errorf("the folder held %v and holds %v", before, after)
			}
			if _, err := os.Stat(dir); c.file == "-" && err == nil {
				t.Error("the folder was created")
			}
		})
	}
}

func TestOpenUsesAFreshDiskAndExistingData(t *testing.T) {
	t.Parallel()
	slow(t)
	dir := testDir(t)
	check.NoError(t, os.Mkdir(filepath.Join(dir, "lost+found"), 0o700))
	first := open(t, Options{Dir: dir})
	query(t, first, "create table kept (n int)")
	closeNow(t, first)
	for _, lock := range []string{"users", "start"} { // as after a restore of the data alone
		check.NoError(t, os.Remove(first.dir.lockFile(lock)))
	}
	query(t, open(t, Options{Dir: dir, Existing: true}), "select n::text from kept")
}
