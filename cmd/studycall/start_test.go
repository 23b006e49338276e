package main

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/studycall/studycall/postgres/postgrestest"
)

// Two hundred concurrent starts on two servers of one database create one session.
func TestConcurrentStartsOnTwoServersCreateOneSession(t *testing.T) {
	t.Parallel()
	skipInShort(t, "6 s")
	url := postgrestest.NewURL(t)
	pool := openPool(t, url)
	users := make([]string, 200)
	for i := range users {
		users[i] = fmt.Sprintf("user-%d", i)
	}
	newMembers(t, pool, []string{"study-1"}, users)
	servers := []*process{
		startProcess(t, "--database-url", url, "--listen=127.0.0.1:0"),
		startProcess(t, "--database-url", url, "--listen=127.0.0.1:0"),
	}
	client := newClient(t)

	answers := make([]answer, len(users))
	var requests sync.WaitGroup
	begin := make(chan struct{})
	for i, user := range users {
		requests.Go(func() {
			<-begin
			a, err := call(t.Context(), client, servers[i%2].address, http.MethodPost, "study-1", "start", user, "")
			if err != nil {
				t.Errorf("%s: %v", user, err)
			}
			answers[i] = a
		})
	}
	close(begin)
	requests.Wait()

	statuses, sessions := map[int]int{}, map[string]int{}
	for _, a := range answers {
		statuses[a.Status]++
		if a.Body.Session != nil {
			sessions[a.Body.Session.ID]++
		}
	}
	if statuses[http.StatusCreated] != 1 || statuses[http.StatusOK] != 199 || len(sessions) != 1 {
		t.Errorf("statuses %v, sessions %v; want one 201, 199 × 200, one session", statuses, sessions)
	}
	var started int
	if err := pool.QueryRow(t.Context(), `select count(*) from events where type = 'SessionStarted'`).Scan(&started); err != nil {
		t.Fatal(err)
	}
	if started != 1 {
		t.Errorf("%d SessionStarted in the log, want 1", started)
	}
	for _, server := range servers {
		if code := server.terminate(t); code != 0 {
			t.Errorf("exit code %d after SIGTERM, want 0", code)
		}
	}
}
