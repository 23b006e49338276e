package main

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// TestARestoredDumpGoesOnAtTheNextPosition: a dump that is restored into a new cluster, with other transaction ids, is the
// same log, and the next event has the next position.
func TestARestoredDumpGoesOnAtTheNextPosition(t *testing.T) {
	t.Parallel()
	old := postgrestest.Cluster(t)
	pgDump, err := exec.LookPath(filepath.Join(old.BinDir(), "pg_dump"))
	if err != nil {
		if pgDump, err = exec.LookPath("pg_dump"); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal("there is no pg_dump, and in CI this test must not be left out")
			}
			t.Skip("there is no pg_dump: Postgres here is the downloaded one, which has only the server")
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
		t.Errorf("the session that was open is not open any more: %d %s (%v)", again.Status, again.Raw, err)
	}
	joined, err := call(t.Context(), client, server.address, http.MethodPost, "study-123", "join", "user-789",
		`{"sessionId":"`+before.Body.Session.ID+`"}`)
	if err != nil || joined.Status != http.StatusCreated || joined.Position != before.Position+1 {
		t.Errorf("join: %d at %d, want 201 at %d (%v)", joined.Status, joined.Position, before.Position+1, err)
	}
	pool, err := postgres.Connect(t.Context(), restored.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	log := readLog(t, pool)
	log.mustBeDense(t)
	log.mustEqualTables(t, pool)
	if _, err := pool.Exec(t.Context(), `delete from events`); err == nil {
		t.Error("the restored log can be deleted from")
	}
}
