package postgrestest

import (
	"fmt"
	"os"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestATemplateIsNamedAfterTheMigrationsContents(t *testing.T) {
	t.Parallel()
	name := func(files fstest.MapFS) string {
		result, err := templateFor(files)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	base := name(fstest.MapFS{"0001_a.sql": {Data: []byte("a")}})
	if again := name(fstest.MapFS{"0001_a.sql": {Data: []byte("a")}}); again != base {
		t.Errorf("the same files are named %s and %s", base, again)
	}
	for what, files := range map[string]fstest.MapFS{
		"edited":  {"0001_a.sql": {Data: []byte("b")}},
		"renamed": {"0001_b.sql": {Data: []byte("a")}},
		"added":   {"0001_a.sql": {Data: []byte("a")}, "0002_b.sql": {}},
	} {
		if name(files) == base {
			t.Errorf("%s files have the name of the old ones", what)
		}
	}
}

func TestLeftOverRecognisesDatabasesOfEndedProcesses(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	for name, want := range map[string]bool{
		fmt.Sprintf("test_%d_%d_1", os.Getpid(), now.Unix()):                   false,
		fmt.Sprintf("test_%d_%d_1", os.Getpid(), now.Add(-7*time.Hour).Unix()): true,
		fmt.Sprintf("test_%d_%d_1", 4194303, now.Unix()):                       true,
		"test_mine":  false,
		"studycall":  false,
		"test_a_b_c": false,
	} {
		if got := leftOver(name, now); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestDatabasesOfEarlierRunsAreDropped(t *testing.T) {
	t.Parallel()
	server, err := theServer()
	if err != nil {
		t.Fatal(err)
	}
	// Given the databases of a killed run and of an older version of the migrations
	left := []string{fmt.Sprintf("test_4194303_%d_%d", time.Now().Unix(), os.Getpid()), fmt.Sprintf("template_0000_%d", os.Getpid())}
	for _, name := range left {
		if err := server.create(t.Context(), name, "template0"); err != nil {
			t.Fatal(err)
		}
	}
	// When another test process starts
	another := &shared{server: server.server, admin: server.admin}
	if err := another.prepareTemplate(t.Context()); err != nil {
		t.Fatal(err)
	}
	another.holding.Release()
	// Then they are dropped, and the template in use is not
	var count int
	err = server.admin.QueryRow(t.Context(), "select count(*) from pg_database where datname = any($1)", left).Scan(&count)
	if err != nil || count != 0 {
		t.Errorf("%d of %v still exist (%v)", count, left, err)
	}
	New(t)
}

func TestATemplateInUseIsNotDropped(t *testing.T) {
	t.Parallel()
	server, err := theServer()
	if err != nil {
		t.Fatal(err)
	}
	// Given another test process with other migrations, and so another template
	other := &shared{server: server.server, admin: server.admin, template: fmt.Sprintf("template_used_%d", os.Getpid())}
	if err := other.holdTemplate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := other.create(t.Context(), other.template, "template0"); err != nil {
		t.Fatal(err)
	}
	dropped := func() (dropped bool) {
		// When this process sweeps
		err := server.underLock(t.Context(), func(tx pgx.Tx) error { return server.sweep(t.Context(), tx) })
		if err != nil {
			t.Fatal(err)
		}
		err = server.admin.QueryRow(t.Context(), "select not exists (select from pg_database where datname = $1)", other.template).Scan(&dropped)
		if err != nil {
			t.Fatal(err)
		}
		return dropped
	}
	// Then the template stays as long as the other process uses it
	if dropped() {
		t.Error("a template was dropped under its user")
	}
	if err := other.holding.Hijack().Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); !dropped(); { // the server notices the end of a session with a delay
		if time.Since(began) > patience {
			t.Fatal("an unused template stays")
		}
	}
}
