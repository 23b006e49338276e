package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// runSeed runs the seed command.
func runSeed(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, append([]string{"seed", "--log-level=error", "--until=2025-11-20"}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

// seedDatabase is a database for the seed command, and a pool to inspect it.
type seedDatabase struct {
	url  string
	pool *pgxpool.Pool
}

func newSeedDatabase(t *testing.T) seedDatabase {
	t.Helper()
	url := postgrestest.NewURL(t)
	pool := openPool(t, url, postgres.WithMaxConns(4))
	return seedDatabase{"--database-url=" + url, pool}
}

// logSummary describes the log of a database.
type logSummary struct {
	events, head, streams, started, ended int64
	hash                                  string // of all events, ordered by stream
}

func (f seedDatabase) summary(t *testing.T) logSummary {
	t.Helper()
	var g logSummary
	err := f.pool.QueryRow(t.Context(), `
		select count(*), coalesce(max(position), 0), count(distinct stream_id), count(*) filter (where type = 'SessionStarted'),
		       count(*) filter (where type = 'SessionEnded'),
		       coalesce(md5(string_agg(concat_ws('|', stream_id, version, session_id, type, schema, data, occurred_at), ','
		                               order by stream_id, version)), '')
		from events`).Scan(&g.events, &g.head, &g.streams, &g.started, &g.ended, &g.hash)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestSeedAppendsAPast(t *testing.T) {
	t.Parallel()
	f := newSeedDatabase(t)
	code, stdout, stderr := runSeed(t.Context(), f.url, "--studies=12", "--sessions=30")
	if code != exitOK || stderr != "" {
		t.Fatalf("exit %d, %q", code, stderr)
	}
	g := f.summary(t)
	if g.events < 12*30*20 || g.head != g.events || g.streams != 12 || g.started != 12*30 || g.ended != g.started {
		t.Errorf("the log is %+v", g)
	}
	if want := fmt.Sprintf("Appended %d events", g.events); !strings.HasPrefix(stdout, want) || !strings.Contains(stdout, "of the studies seed-study-1 to seed-study-12.\n") {
		t.Errorf("prints %q", stdout)
	}

	tables := membership.NewTables(f.pool)
	owner, err := tables.Membership(t.Context(), "seed-study-12", "seed-user-12-1")
	if err != nil || owner.Role != domain.Owner || !owner.Active() {
		t.Errorf("the owner is %+v, %v", owner, err)
	}
	var unknown int
	if err := f.pool.QueryRow(t.Context(), `
		select count(*) from events e where e.data ->> 'userId' is not null and not exists (
			select from study_members m join users u on u.id = m.user_id
			where 'call-' || m.study_id = e.stream_id and m.user_id = e.data ->> 'userId' and u.name <> '')`).Scan(&unknown); err != nil {
		t.Fatal(err)
	}
	if unknown != 0 {
		t.Errorf("%d events are of unknown users", unknown)
	}
}

func TestAPastIsReproducibleAndNotAppendedTwice(t *testing.T) {
	t.Parallel()
	f, other := newSeedDatabase(t), newSeedDatabase(t)
	small := []string{"--studies=3", "--sessions=10", "--seed=5"}
	for _, database := range []seedDatabase{f, other} {
		if code, _, stderr := runSeed(t.Context(), append(small, database.url)...); code != exitOK {
			t.Fatalf("exit %d, %q", code, stderr)
		}
	}
	before := f.summary(t)
	if again := other.summary(t); again != before {
		t.Errorf("one is %+v, the other %+v", before, again)
	}

	// A past with more studies is refused as well.
	code, _, stderr := runSeed(t.Context(), f.url, "--studies=4", "--sessions=10", "--seed=5")
	if code != exitFailure || !strings.Contains(stderr, "seed-5-study-1 has events already") ||
		!strings.Contains(stderr, "use another --seed") {
		t.Errorf("the second time: exit %d, %q", code, stderr)
	}
	var studies int
	if err := f.pool.QueryRow(t.Context(), `select count(*) from studies`).Scan(&studies); err != nil {
		t.Fatal(err)
	}
	if after := f.summary(t); after != before || studies != 3 {
		t.Errorf("after the refused run: %+v of %d studies, want %+v of 3", after, studies, before)
	}

	if code, _, stderr := runSeed(t.Context(), f.url, "--studies=3", "--sessions=10", "--seed=6"); code != exitOK {
		t.Fatalf("another seed: exit %d, %q", code, stderr)
	}
	if g := f.summary(t); g.streams != 6 || g.started != 60 || g.ended != 60 || g.head != g.events || g.events <= before.events {
		t.Errorf("after another seed: %+v", g)
	}
}

func TestSeedKeepsAvatars(t *testing.T) {
	t.Parallel()
	f := newSeedDatabase(t)
	_, err := f.pool.Exec(t.Context(), `insert into users (id, name, email, avatar, status) values ('seed-user-501-1', 'A', 'a@example.com', 'https://a.example', 'DELETED')`)
	check.NoError(t, err)
	if code, _, stderr := runSeed(t.Context(), f.url, "--studies=501", "--sessions=1"); code != exitOK {
		t.Fatalf("exit %d, %q", code, stderr)
	}
	var studies int
	var avatar, status string
	check.NoError(t, f.pool.QueryRow(t.Context(), `
		select avatar, status, (select count(distinct study_id) from study_members)
		from users where id = 'seed-user-501-1'`).Scan(&avatar, &status, &studies))
	if avatar != "https://a.example" || status != "ACTIVE" || studies != 501 {
		t.Errorf("got avatar %q, status %q and %d studies with members", avatar, status, studies)
	}
}

func TestAnInterruptedSeedLeavesWholeSessions(t *testing.T) {
	t.Parallel()
	skipInShort(t, "2 s")
	f := newSeedDatabase(t)
	store, err := eventstore.Open(t.Context(), f.pool, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	ctx, interrupt := context.WithCancel(t.Context())
	watching := make(chan error, 1)
	go func() {
		_, err := store.Tail(0).Next(t.Context())
		interrupt()
		watching <- err
	}()
	code, _, stderr := runSeed(ctx, f.url, "--studies=20", "--sessions=20000")
	if err := <-watching; err != nil {
		t.Fatal(err)
	}
	g := f.summary(t)
	if want := fmt.Sprintf("interrupted; the %d appended events stay", g.events); code != exitInterrupted ||
		!strings.Contains(stderr, want) {
		t.Errorf("exit %d, %q, want exit 130 and %q", code, stderr, want)
	}
	if g.events == 0 || g.head != g.events || g.started != g.ended {
		t.Errorf("left %+v", g)
	}
}

func TestConcurrentSeedsAppendThePastOnce(t *testing.T) {
	t.Parallel()
	f := newSeedDatabase(t)
	codes, errors := make(chan int, 2), make(chan string, 2)
	for range 2 {
		go func() {
			code, _, stderr := runSeed(t.Context(), f.url, "--studies=1", "--sessions=100")
			codes <- code
			errors <- stderr
		}()
	}
	if sum, text := <-codes+<-codes, <-errors+<-errors; sum != exitOK+exitFailure || !strings.Contains(text, "use another --seed") {
		t.Errorf("the exit codes add up to %d; errors: %q", sum, text)
	}
	if g := f.summary(t); g.started != 100 || g.ended != 100 || g.head != g.events {
		t.Errorf("the log is %+v", g)
	}
}

// The request that seed prints works in a shell, while the service runs on the database.
func TestTheRequestThatSeedPrintsWorks(t *testing.T) {
	t.Parallel()
	skipInShort(t, "3 s")
	f := newSeedDatabase(t)
	code, stdout, stderr := runSeed(t.Context(), f.url, "--studies=1", "--sessions=3", "--seed=4")
	if code != exitOK || !strings.Contains(stdout, " of the study seed-4-study-1.\n") {
		t.Fatalf("exit %d, %q, %q", code, stdout, stderr)
	}
	server := startProcess(t, f.url, "--listen=127.0.0.1:0")
	_, command, found := strings.Cut(stdout, "\n  curl ")
	if !found {
		t.Fatalf("no command in %q", stdout)
	}
	command = "curl -sS -H 'Min-Event-Position: " + strconv.FormatInt(f.summary(t).head, 10) + "' " +
		strings.ReplaceAll(command, "http://127.0.0.1:8080", server.address)
	answer, err := exec.Command("bash", "-c", command).CombinedOutput()
	if err != nil || !strings.Contains(string(answer), `"total":3`) {
		t.Errorf("%s answers %s (%v)", command, answer, err)
	}
	if code, help, _ := studycall(t, "seed", "--help"); code != exitOK || !strings.Contains(strings.Join(strings.Fields(help), " "), "only if no study exists") {
		t.Errorf("the help does not mention the example study: %s", help)
	}
}

func TestSeedRejectsInvalidFlags(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ arg, want string }{
		{"--studies=0", "--studies (STUDYCALL_STUDIES) must be 1 or more, not 0"},
		{"--sessions=0", "--sessions (STUDYCALL_SESSIONS) must be 1 to 174720, not 0"},
		{"--sessions=174721", "--sessions (STUDYCALL_SESSIONS) must be 1 to 174720, not 174721"},
		{"--seed=-1", "--seed"},
		{"--until=tomorrow", `--until (STUDYCALL_UNTIL) "tomorrow" is not a date like 2025-11-20`},
		{"--until=2999-01-01", "--until (STUDYCALL_UNTIL) must not be after today, "},
		{"--until=1999-12-31", "--until (STUDYCALL_UNTIL) must not be before 2000-01-01"},
		{"--stats-timezone=Nowhere", `"Nowhere" is not a time zone like Asia/Seoul`},
	} {
		if code, _, stderr := runSeed(t.Context(), c.arg); code != exitUsage || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit %d, %q, want exit 2 and %q", c.arg, code, stderr, c.want)
		}
	}
}

func TestSeedNeedsAMigratedDatabase(t *testing.T) {
	t.Parallel()
	code, _, stderr := runSeed(t.Context(), "--database-url="+postgrestest.Empty(t))
	if code != exitFailure || !strings.Contains(stderr, "studycall migrate") {
		t.Errorf("exit %d, %q", code, stderr)
	}
}
