package main

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/migrations"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// recoveryLimit is the promised time from the recovery of the database to that of the service, on any machine.
const recoveryLimit = 5 * time.Second

// While Postgres is stopped, requests get 503 with Retry-After. No acknowledged command is lost. After a restart of Postgres the
// service recovers by itself.
func TestServiceRecoversFromAPostgresRestartUnderLoad(t *testing.T) {
	t.Parallel()
	skipInShort(t, "15 s")
	cluster := postgrestest.Cluster(t, "fsync=on", "full_page_writes=on")
	pool := openPool(t, cluster.URL())
	if _, err := postgres.Migrate(t.Context(), pool, migrations.Files); err != nil {
		t.Fatal(err)
	}
	users, studies := chaosNames("user", 8), chaosNames("study", 8)
	newMembers(t, pool, studies, users)
	server := startProcess(t, "--database-url", cluster.URL(), "--listen=127.0.0.1:0", "--rate-limit=0", "--address-rate-limit=0")
	l := &load{t: t, client: newClient(t), address: server.address}
	stop := l.start(studies, users)

	for _, end := range []func(context.Context) error{cluster.Stop, cluster.Crash} {
		l.mustSucceed(50, time.Minute, "before the outage")
		if err := end(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.mustBeUnavailable()
		if err := cluster.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.mustSucceed(1, recoveryLimit, "after the outage")
	}
	l.mustSucceed(50, time.Minute, "at the end")
	stop()

	if l.unexpected.Load() > 0 {
		t.Errorf("%d answers were neither a success nor a 503 with Retry-After", l.unexpected.Load())
	}
	// A new pool: the connections of the old one are broken.
	after, err := postgres.Connect(t.Context(), cluster.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(after.Close)
	log := readLog(t, after)
	log.mustBeDense(t)
	log.mustBeLegal(t)
	log.mustConfirm(t, l.acks)
	log.mustEqualTables(t, after)
	t.Logf("%d commands acknowledged, %d answered with 503", len(l.acks), l.unavailable.Load())
}

// load is a set of clients that start and leave sessions without a pause.
type load struct {
	t       *testing.T
	client  *http.Client
	address string

	succeeded, unavailable, unexpected atomic.Int64

	mu   sync.Mutex
	acks []ack
}

// start runs one client per study until stop is called.
func (l *load) start(studies, users []string) (stop func()) {
	ended := make(chan struct{})
	var clients sync.WaitGroup
	for i, study := range studies {
		clients.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
					l.runSession(study, users[i%len(users)])
				}
			}
		})
	}
	stop = sync.OnceFunc(func() {
		close(ended)
		clients.Wait()
	})
	l.t.Cleanup(stop)
	return stop
}

// runSession starts a session, joins it and leaves it. It stops at the first refusal.
func (l *load) runSession(study, user string) {
	started, ok := l.command(ack{study: study, user: user, action: "start"}, "")
	if !ok {
		return
	}
	body := fmt.Sprintf(`{"sessionId":%q}`, started.Body.Session.ID)
	for _, action := range []string{"join", "leave"} {
		if _, ok := l.command(ack{study: study, user: user, action: action}, body); !ok {
			return
		}
	}
}

func (l *load) command(a ack, body string) (answer, bool) {
	answered, err := call(l.t.Context(), l.client, l.address, http.MethodPost, a.study, a.action, a.user, body)
	switch {
	case err == nil && answered.Status < http.StatusMultipleChoices:
		a.take(answered)
		l.mu.Lock()
		l.acks = append(l.acks, a)
		l.mu.Unlock()
		l.succeeded.Add(1)
		return answered, true
	case err == nil && answered.Status == http.StatusServiceUnavailable && answered.Header.Get("Retry-After") != "" &&
		answered.Body.Code == "SERVICE_UNAVAILABLE":
		l.unavailable.Add(1)
		// Retry like a client, but sooner than Retry-After.
		select {
		case <-time.After(mathrand.N(20 * time.Millisecond)):
		case <-l.t.Context().Done():
		}
	case err == nil && answered.Status == http.StatusBadRequest && a.action == "join":
		// The answer to an earlier leave was lost in the outage: the session has ended.
	default:
		l.unexpected.Add(1)
		l.t.Errorf("%s: %d %s (%v)", a.action, answered.Status, answered.Raw, err)
	}
	return answered, false
}

func (l *load) mustSucceed(more int64, within time.Duration, when string) {
	l.t.Helper()
	before, began := l.succeeded.Load(), time.Now()
	check.Eventually(l.t, "commands succeed "+when, func() bool { return l.succeeded.Load() >= before+more })
	if took := time.Since(began); took > within {
		l.t.Fatalf("commands succeed %s after %v, not within %v", when, took, within)
	}
}

func (l *load) mustBeUnavailable() {
	l.t.Helper()
	before := l.unavailable.Load()
	check.Eventually(l.t, "requests are answered with 503", func() bool { return l.unavailable.Load() > before+50 })
}
