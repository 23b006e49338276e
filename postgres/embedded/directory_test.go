package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAFolderThatHoldsSomethingElseIsLeftAlone, byte for byte, whatever is asked for.
func TestAFolderThatHoldsSomethingElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file     string // in the folder; "" for an empty one
		existing bool
		want     error
	}{
		"another program's":             {"main.go", false, ErrNotOurs},
		"another program's, to read":    {"main.go", true, ErrNotOurs},
		"another's folder named data":   {"data/main.go", false, ErrNotOurs},
		"the inside of a cluster":       {"PG_VERSION", false, ErrNotOurs},
		"nothing, to read":              {"", true, ErrNoData},
		"a fresh disk, to read":         {"lost+found/x", true, ErrNoData},
		"a start that died, to read":    {"users.lock", true, ErrNoData},
		"a folder that is not, to read": {"-", true, ErrNoData},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := testDir(t)
			switch c.file {
			case "":
			case "-":
				dir = filepath.Join(dir, "mistyped")
			default:
				must(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(c.file)), 0o755))
				must(t, os.WriteFile(filepath.Join(dir, c.file), nil, 0o600))
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
				t.Error("the folder was made")
			}
		})
	}
}

func TestExistingDataIsOpenedAndAFreshDiskMayBeUsed(t *testing.T) {
	t.Parallel()
	dir := testDir(t)
	must(t, os.Mkdir(filepath.Join(dir, "lost+found"), 0o700))
	first := open(t, Options{Dir: dir})
	query(t, first, "create table kept (n int)")
	closeNow(t, first)
	for _, lock := range []string{"users", "start"} { // as after a restore of the data alone
		must(t, os.Remove(first.dir.lock(lock)))
	}
	query(t, open(t, Options{Dir: dir, Existing: true}), "select n::text from kept")
}
