package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

const (
	// The test runs for chaosTime, or longer on a busy machine: until there were enough actions (chaosLeast). It fails after
	// chaosMost.
	chaosTime    = 20 * time.Second
	chaosMost    = 5 * time.Minute
	chaosWriters = 32
	chaosStudies = 50
	chaosUsers   = 6
)

// 32 writers send random commands to 50 studies: to two servers that are killed and restarted, and a third one in this process.
// Meanwhile another client holds transactions open and rolls back. Afterwards every acknowledged command is in the log exactly
// once, the log has no gaps, and the tables equal a plain fold of it.
func TestEveryAcknowledgedCommandIsRecordedExactlyOnce(t *testing.T) {
	t.Parallel()
	skipInShort(t, "20 s")
	url := postgrestest.NewURL(t)
	pool := openPool(t, url)
	newMembers(t, pool, chaosNames("study", chaosStudies), chaosNames("user", chaosUsers))
	c := &chaos{pool: pool, client: newClient(t), handlers: handlersOn(t, pool)}
	for i := range c.servers {
		c.servers[i].Store(startProcess(t, "--database-url", url, "--listen=127.0.0.1:0", "--rate-limit=0", "--address-rate-limit=0"))
	}

	ctx, stop := context.WithTimeout(t.Context(), chaosMost)
	defer stop()
	began := time.Now()
	var busy sync.WaitGroup
	for i := range chaosWriters {
		busy.Go(func() { c.write(ctx, t, i) })
	}
	busy.Go(func() { c.disturb(ctx, t, url) })
	for ctx.Err() == nil {
		select {
		case <-time.After(time.Second + mathrand.N(time.Second)):
			i := mathrand.IntN(len(c.servers))
			c.servers[i].Load().kill()
			c.servers[i].Store(startProcess(t, "--database-url", url, "--listen=127.0.0.1:0", "--rate-limit=0", "--address-rate-limit=0"))
			c.kills.Add(1)
		case <-ctx.Done():
		}
		if time.Since(began) >= chaosTime && c.isEnough() {
			stop()
		}
	}
	busy.Wait()

	t.Logf("%v; %d refused, %d unanswered", c.counts(), c.refused.Load(), c.unanswered.Load())
	if !c.isEnough() {
		t.Errorf("want at least %v", chaosLeast())
	}
	log := readLog(t, pool)
	log.mustBeDense(t)
	log.mustBeLegal(t)
	log.mustConfirm(t, c.acks)
	log.mustEqualTables(t, pool)
	for i := range c.servers {
		if code := c.servers[i].Load().terminate(t); code != 0 {
			t.Errorf("exit code %d after SIGTERM, want 0", code)
		}
	}
}

// counts returns the number of acknowledged commands of each kind so far, of kills and of rollbacks.
func (c *chaos) counts() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := map[string]int{"kill": int(c.kills.Load()), "rollback": int(c.rollbacks.Load())}
	for _, a := range c.acks {
		n[a.action]++
	}
	return n
}

func (c *chaos) isEnough() bool {
	n := c.counts()
	for kind, least := range chaosLeast() {
		if n[kind] < least {
			return false
		}
	}
	return true
}

// chaosLeast returns the least counts that make the test meaningful: a third of those on two busy cores, with the race detector.
func chaosLeast() map[string]int {
	return map[string]int{"start": 300, "join": 550, "leave": 230, "audio": 250, "video": 240, "share": 180, "kill": 3, "rollback": 30}
}

// chaos is the shared state of the writers.
type chaos struct {
	pool     *pgxpool.Pool
	client   *http.Client
	handlers *commands.Handlers
	servers  [2]atomic.Pointer[process]

	mu                  sync.Mutex
	acks                []ack
	refused, unanswered atomic.Int64
	kills, rollbacks    atomic.Int64
}

// ack is an acknowledged command.
type ack struct {
	study, user, action string
	id                  string // the session id in the answer to start, or the participant id in the answer to join
	created             bool   // 201
	on                  bool   // for toggles
	position            int64
}

// write sends random commands one after the other. Other writers use the same users and studies.
func (c *chaos) write(ctx context.Context, t *testing.T, writer int) {
	t.Helper()
	for ctx.Err() == nil {
		a := ack{
			study:  fmt.Sprintf("study-%d", mathrand.IntN(chaosStudies)),
			user:   fmt.Sprintf("user-%d", mathrand.IntN(chaosUsers)),
			action: []string{"start", "join", "join", "leave", "audio", "video", "share"}[mathrand.IntN(7)],
			on:     mathrand.IntN(2) == 0,
		}
		var err error
		switch a.action {
		case "audio", "video", "share":
			err = c.toggle(t.Context(), &a)
		default:
			err = c.request(t, &a, c.servers[writer%2].Load().address)
		}
		switch {
		case err == nil:
			c.mu.Lock()
			c.acks = append(c.acks, a)
			c.mu.Unlock()
		case errors.As(err, new(*domain.Error)):
			c.refused.Add(1)
		case errors.Is(err, errUnanswered), errors.Is(err, eventstore.ErrUnavailable), postgres.Unavailable(err):
			c.unanswered.Add(1)
		default:
			t.Errorf("%s: %v", a.action, err)
		}
	}
}

var errUnanswered = errors.New("no answer")

func (c *chaos) request(t *testing.T, a *ack, address string) error {
	t.Helper()
	body := ""
	if a.action != "start" {
		status, err := c.ask(t, address, http.MethodGet, a.study, "status", a.user, "")
		if err != nil {
			return err
		}
		if status.Body.Session == nil {
			return domain.ErrSessionNotFound
		}
		body = fmt.Sprintf(`{"sessionId":%q}`, status.Body.Session.ID)
	}
	answered, err := c.ask(t, address, http.MethodPost, a.study, a.action, a.user, body)
	if err == nil {
		a.take(answered)
	}
	return err
}

// ask is call, with an error for every answer but success. No answer may be a server error, except 503 from a server that is
// not ready.
func (c *chaos) ask(t *testing.T, address, method, study, route, user, body string) (answer, error) {
	t.Helper()
	answered, err := call(t.Context(), c.client, address, method, study, route, user, body)
	switch {
	case answered.Status == 0 || answered.Status == http.StatusServiceUnavailable:
		return answered, errUnanswered
	case err != nil || answered.Status >= http.StatusInternalServerError:
		t.Errorf("%s answered %d: %s (%v)", route, answered.Status, answered.Raw, err)
		return answered, errUnanswered
	case answered.Status >= http.StatusBadRequest:
		return answered, &domain.Error{Code: domain.Code(answered.Body.Code)}
	}
	return answered, nil
}

// take copies the answer.
func (a *ack) take(answered answer) {
	a.created, a.position = answered.Status == http.StatusCreated, answered.Position
	switch a.action {
	case "start":
		a.id = answered.Body.Session.ID
	case "join":
		a.id = answered.Body.Participant.ID
	}
}

// toggle uses the handlers of this process, the third server, because sockets do not get the positions of toggles.
func (c *chaos) toggle(ctx context.Context, a *ack) error {
	started, err := c.handlers.StartSession(ctx, commands.StartSession{StudyID: a.study, UserID: a.user, At: time.Now()})
	if err != nil {
		return err
	}
	switch a.action {
	case "audio":
		a.position, err = c.handlers.SetToggle(ctx, a.study, domain.SetToggle{
			SessionID: started.SessionID, UserID: a.user, Toggle: domain.Muted, On: a.on, At: time.Now()})
	case "video":
		a.position, err = c.handlers.SetToggle(ctx, a.study, domain.SetToggle{
			SessionID: started.SessionID, UserID: a.user, Toggle: domain.CameraOff, On: a.on, At: time.Now()})
	case "share":
		a.position, err = c.handlers.SetToggle(ctx, a.study, domain.SetToggle{
			SessionID: started.SessionID, UserID: a.user, Toggle: domain.Sharing, On: a.on, At: time.Now()})
	}
	return err
}

// disturb holds a snapshot open, and locks the head row for appends that it then rolls back.
func (c *chaos) disturb(ctx context.Context, t *testing.T, url string) {
	t.Helper()
	pool, err := postgres.Connect(t.Context(), url, postgres.WithMaxConns(2))
	if err != nil {
		t.Errorf("disturb: %v", err)
		return
	}
	defer pool.Close()
	err = pgx.BeginTxFunc(t.Context(), pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(snapshot pgx.Tx) error {
		if _, err := snapshot.Exec(t.Context(), `select pg_current_xact_id(), count(*) from events`); err != nil {
			return err
		}
		for ctx.Err() == nil {
			if err := pgx.BeginFunc(t.Context(), pool, appendAndRollBack); !errors.Is(err, errRolledBack) {
				return err
			}
			c.rollbacks.Add(1)
			select {
			case <-time.After(mathrand.N(200 * time.Millisecond)):
			case <-ctx.Done():
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("disturb: %v", err)
	}
}

var errRolledBack = errors.New("rolled back on purpose")

// appendAndRollBack holds the head row for a while, and returns an error that rolls back.
func appendAndRollBack(tx pgx.Tx) error {
	ctx := context.Background()
	var position int64 // null if nothing was appended: Scan then fails
	if err := tx.QueryRow(ctx, `select first_position
		from append_events('{call-nobody}', '{0}', '{1}', '{none}', '{SessionStarted}', '{1}', '{"{}"}', '{now}')`).Scan(&position); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `select pg_sleep(random() * 0.1)`); err != nil {
		return err
	}
	return errRolledBack
}

func handlersOn(t *testing.T, pool *pgxpool.Pool) *commands.Handlers {
	t.Helper()
	store, err := eventstore.Open(t.Context(), pool, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	access := membership.NewAccess(membership.NewTables(pool))
	handlers, err := commands.New(store, access, commands.DefaultSettings(), rand.Text)
	if err != nil {
		t.Fatal(err)
	}
	return handlers
}

func chaosNames(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", prefix, i)
	}
	return names
}
