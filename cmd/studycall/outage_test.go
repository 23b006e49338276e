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

	"github.com/studycall/studycall/migrations"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// backWithin is how soon after the database the service has to work again: that is promised, however slow the machine.
const backWithin = 5 * time.Second

// TestPostgresIsStoppedAndStartedUnderLoad: while it is away, requests get a 503 that says when to come back; nothing
// that was acknowledged is lost; and when it is back, so is the service, by itself.
func TestPostgresIsStoppedAndStartedUnderLoad(t *testing.T) {
	t.Parallel()
	cluster := postgrestest.Cluster(t, "fsync=on", "full_page_writes=on")
	pool, err := postgres.Connect(t.Context(), cluster.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
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
		l.mustSucceed(1, backWithin, "after the outage")
	}
	l.mustSucceed(50, time.Minute, "in the end")
	stop()

	if l.odd.Load() > 0 {
		t.Errorf("%d answers were neither right nor a 503 with Retry-After", l.odd.Load())
	}
	// A new pool: the old one's connections are as dead as the server that they were to.
	after, err := postgres.Connect(t.Context(), cluster.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(after.Close)
	log := readLog(t, after)
	log.mustBeDense(t)
	log.mustBeLegal(t)
	log.mustHold(t, l.acks)
	log.mustEqualTables(t, after)
	t.Logf("%d commands acknowledged, %d answered with 503", len(l.acks), l.unavailable.Load())
}

// load is clients that start and leave calls without a pause.
type load struct {
	t       *testing.T
	client  *http.Client
	address string

	succeeded, unavailable, odd atomic.Int64

	mu   sync.Mutex
	acks []ack
}

// start runs one client a study until the function that it returns is called.
func (l *load) start(studies, users []string) (stop func()) {
	over := make(chan struct{})
	var clients sync.WaitGroup
	for i, study := range studies {
		clients.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					l.meet(study, users[i%len(users)])
				}
			}
		})
	}
	stop = sync.OnceFunc(func() {
		close(over)
		clients.Wait()
	})
	l.t.Cleanup(stop)
	return stop
}

// meet starts a session, joins it and leaves it, as far as the server says yes.
func (l *load) meet(study, user string) {
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
		// As clients do, though sooner than they are asked to.
		select {
		case <-time.After(mathrand.N(20 * time.Millisecond)):
		case <-l.t.Context().Done():
		}
	case err == nil && answered.Status == http.StatusBadRequest && a.action == "join":
		// The answer to an earlier leave was lost with the database, and the session is over.
	default:
		l.odd.Add(1)
		l.t.Errorf("%s: %d %s (%v)", a.action, answered.Status, answered.Raw, err)
	}
	return answered, false
}

func (l *load) mustSucceed(more int64, within time.Duration, when string) {
	l.t.Helper()
	before := l.succeeded.Load()
	eventually(l.t, within, "commands succeed "+when, func() bool { return l.succeeded.Load() >= before+more })
}

func (l *load) mustBeUnavailable() {
	l.t.Helper()
	before := l.unavailable.Load()
	eventually(l.t, time.Minute, "requests are answered with 503", func() bool { return l.unavailable.Load() > before+50 })
}
