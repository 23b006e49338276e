package main

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/studycall/studycall/postgres/postgrestest"
)

// A dump restored into a new cluster, with other transaction ids, is the same log, and the next event gets the next position.
func TestARestoredDumpContinuesAtTheNextPosition(t *testing.T) {
	t.Parallel()
	skipInShort(t, "20 s")
	old := postgrestest.Cluster(t)
	pgDump, err := exec.LookPath(filepath.Join(old.BinDir(), "pg_dump"))
	if err != nil {
		if pgDump, err = exec.LookPath("pg_dump"); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal("pg_dump is missing, and CI must not skip this test")
			}
			t.Skip("pg_dump is missing: the downloaded Postgres has the server only")
		}
	}
	client := newClient(t)
	server := startProcess(t, "--database-url", old.URL(), "--listen=127.0.0.1:0")
	before, err := call(t.Context(), client, server.address, http.MethodPost, "study-123", "start", "user-456", "")
	if err != nil || before.Status != http.StatusCreated {
		t.Fatalf("start: %d %s (%v)", before.Status, before.Raw, err)
	}
	server.terminate(t)

	var dump bytes.Buffer
	dumping := exec.Command(pgDump, "--no-owner", old.URL())
	dumping.Stdout, dumping.Stderr = &dump, t.Output()
	if err := dumping.Run(); err != nil {
		t.Fatal(err)
	}
	restored := postgrestest.Cluster(t)
	restoring := exec.Command(filepath.Join(filepath.Dir(pgDump), "psql"), "-v", "ON_ERROR_STOP=1", "-q", restored.URL())
	restoring.Stdin, restoring.Stderr = &dump, t.Output()
	if err := restoring.Run(); err != nil {
		t.Fatal(err)
	}

	server = startProcess(t, "--database-url", restored.URL(), "--listen=127.0.0.1:0")
	again, err := call(t.Context(), client, server.address, http.MethodPost, "study-123", "start", "user-789", "")
	if err != nil || again.Status != http.StatusOK || again.Body.Session.ID != before.Body.Session.ID {
		t.Errorf("the open session is not open after the restore: %d %s (%v)", again.Status, again.Raw, err)
	}
	joined, err := call(t.Context(), client, server.address, http.MethodPost, "study-123", "join", "user-789",
		`{"sessionId":"`+before.Body.Session.ID+`"}`)
	if err != nil || joined.Status != http.StatusCreated || joined.Position != before.Position+1 {
		t.Errorf("join: %d at %d, want 201 at %d (%v)", joined.Status, joined.Position, before.Position+1, err)
	}
	pool := openPool(t, restored.URL())
	log := readLog(t, pool)
	log.mustBeDense(t)
	log.mustEqualTables(t, pool)
	if _, err := pool.Exec(t.Context(), `delete from events`); err == nil {
		t.Error("the restored log accepts a DELETE")
	}
}
