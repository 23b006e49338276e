package projections_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/projections"
)

// states returns the projections' states by name, read by a program whose projections are ours.
func (srv *server) states(ours ...projections.Projection) map[string]projections.State {
	srv.t.Helper()
	all, err := projections.ReadStatus(srv.t.Context(), srv.pool, ours...)
	check.NoError(srv.t, err)
	states := map[string]projections.State{}
	for _, s := range all {
		states[s.Name] = s.State
	}
	return states
}

// TestTablesOfAnotherVersionAreReported by status, readiness, metrics and verify.
func TestTablesOfAnotherVersionAreReported(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.givenSamples()
	srv.waitUntilCaughtUp()
	other := projections.StudyStats{Zone: time.UTC}

	check.NoError(srv.t, srv.rebuilder.Rebuild(t.Context(), other))

	for name, state := range srv.states(srv.all...) {
		if want := map[bool]projections.State{true: projections.OtherVersion, false: projections.Live}[name == other.Name()]; state != want {
			t.Errorf("%s is %s, want %s", name, state, want)
		}
	}
	if state := srv.states(other)[other.Name()]; state != projections.Live {
		t.Errorf("the program that created them reports %s", state)
	}
	detail, err := projections.NewReadiness(srv.pool, srv.all...).Ready(t.Context())
	check.NoError(srv.t, err)
	text, err := json.Marshal(detail)
	check.NoError(srv.t, err)
	if want := `"name":"study_stats","version":"1/UTC",`; !strings.Contains(string(text), want) || strings.Count(string(text), `"state":"other version"`) != 1 {
		t.Errorf("readiness is %s, want %s and one other version", text, want)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(projections.NewMetrics(srv.pool, srv.all...))
	families, err := registry.Gather()
	check.NoError(srv.t, err)
	others := 0.0
	for _, family := range families {
		if family.GetName() == "studycall_projection_other_version" {
			for _, metric := range family.GetMetric() {
				others += metric.GetGauge().GetValue()
			}
		}
	}
	if others != 1 {
		t.Errorf("the metrics report %v other versions", others)
	}
	err = srv.rebuilder.Verify(t.Context(), func(projections.Difference) {}, srv.all...)
	if err == nil || !strings.Contains(err.Error(), "verify study_stats: its tables are of version 1/UTC, and this program's are 1/Asia/Seoul") {
		t.Errorf("verify: %v", err)
	}
	srv.mustHaveNoLeftovers()
}

// TestProjectionThatNoServerFoldsIsBehind, not catching up.
func TestProjectionThatNoServerFoldsIsBehind(t *testing.T) {
	t.Parallel()
	srv := idleServer(t, projections.All(seoul(t))...)
	srv.prepare()
	srv.given("study-1", domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"})
	mustBe := func(when string, want projections.State) {
		t.Helper()
		for name, state := range srv.states(srv.all...) {
			if state != want {
				t.Errorf("%s: %s is %s, want %s", when, name, state, want)
			}
		}
	}
	mustBe("a moment later", projections.CatchingUp)
	srv.exec(`update checkpoints set updated_at = now() - interval '11 s'`)
	mustBe("of an old fold and a new event", projections.CatchingUp)
	srv.exec(`alter table events disable trigger user; update events set recorded_at = now() - interval '11 s'; alter table events enable trigger user`)
	mustBe("while no server runs", projections.Behind)
	srv.run()
	srv.waitUntilCaughtUp()
	mustBe("after a server has started", projections.Live)
}

// TestConcurrentReadinessRequestsShareOneQuery, however long the database takes.
func TestConcurrentReadinessRequestsShareOneQuery(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.stop()
	held, err := srv.pool.Begin(t.Context())
	check.NoError(srv.t, err)
	_, err = held.Exec(t.Context(), `lock table checkpoints`)
	check.NoError(srv.t, err)
	readiness := projections.NewReadiness(srv.pool, srv.all...)
	answers := make(chan error, 50)
	for range cap(answers) {
		go func() {
			_, err := readiness.Ready(t.Context())
			answers <- err
		}()
	}
	const asking = `select count(*) = 1 from pg_locks where not granted and relation = 'checkpoints'::regclass`
	waitForSQL(t, srv.pool, asking)
	if taken := srv.pool.Stat().AcquiredConns(); taken > 3 {
		t.Errorf("%d connections are in use", taken)
	}
	check.NoError(srv.t, held.Rollback(t.Context()))
	for range cap(answers) {
		check.NoError(srv.t, <-answers)
	}
}
