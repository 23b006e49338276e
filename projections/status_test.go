package projections_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/projections"
)

// states are those of the projections, by name, as a program sees them whose projections are ours.
func (h *house) states(ours ...projections.Projection) map[string]projections.State {
	h.t.Helper()
	all, err := projections.ReadStatus(h.t.Context(), h.pool, ours...)
	h.then(err)
	states := map[string]projections.State{}
	for _, s := range all {
		states[s.Name] = s.State
	}
	return states
}

// TestTablesOfAnotherVersionAreSeen, wherever an operator looks: whoever has them can neither fold nor read them.
func TestTablesOfAnotherVersionAreSeen(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.givenSome()
	h.caughtUp()
	other := projections.StudyStats{Zone: time.UTC}

	h.then(h.rebuilder.Rebuild(t.Context(), other))

	for name, state := range h.states(h.all...) {
		if want := map[bool]projections.State{true: projections.OtherVersion, false: projections.Live}[name == other.Name()]; state != want {
			t.Errorf("%s is %s, want %s", name, state, want)
		}
	}
	if state := h.states(other)[other.Name()]; state != projections.Live {
		t.Errorf("whoever made them sees that they are %s", state)
	}
	detail, err := projections.NewReadiness(h.pool, h.all...).Ready(t.Context())
	h.then(err)
	text, err := json.Marshal(detail)
	h.then(err)
	if want := `"name":"study_stats","version":"1/UTC",`; !strings.Contains(string(text), want) || strings.Count(string(text), `"state":"other version"`) != 1 {
		t.Errorf("readiness tells %s, want %s and one other version", text, want)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(projections.NewMetrics(h.pool, h.all...))
	families, err := registry.Gather()
	h.then(err)
	told := 0.0
	for _, family := range families {
		if family.GetName() == "studycall_projection_other_version" {
			for _, metric := range family.GetMetric() {
				told += metric.GetGauge().GetValue()
			}
		}
	}
	if told != 1 {
		t.Errorf("the metrics tell of %v other versions", told)
	}
	err = h.rebuilder.Verify(t.Context(), func(projections.Difference) {}, h.all...)
	if err == nil || !strings.Contains(err.Error(), "verify study_stats: its tables are of version 1/UTC, and this program's are 1/Asia/Seoul") {
		t.Errorf("verify: %v", err)
	}
	h.mustBeTidy()
}

// TestWhatNobodyFoldsIsBehind, and not on its way.
func TestWhatNobodyFoldsIsBehind(t *testing.T) {
	t.Parallel()
	h := vacantHouse(t, projections.All(seoul(t))...)
	h.prepare()
	h.given("study-1", domain.SessionStarted{Fact: at("s1", 0), StartedBy: "kim"})
	mustBe := func(when string, want projections.State) {
		t.Helper()
		for name, state := range h.states(h.all...) {
			if state != want {
				t.Errorf("%s: %s is %s, want %s", when, name, state, want)
			}
		}
	}
	mustBe("a moment later", projections.CatchingUp)
	h.exec(`update checkpoints set updated_at = now() - interval '11 s'`)
	mustBe("of an old fold and a new event", projections.CatchingUp)
	h.exec(`alter table events disable trigger user; update events set recorded_at = now() - interval '11 s'; alter table events enable trigger user`)
	mustBe("when nobody has come", projections.Behind)
	h.occupy()
	h.caughtUp()
	mustBe("when somebody has", projections.Live)
}

// TestManyWhoAskWhetherItIsReadyAskTheDatabaseOnce, however long it takes to answer.
func TestManyWhoAskWhetherItIsReadyAskTheDatabaseOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.stop()
	held, err := h.pool.Begin(t.Context())
	h.then(err)
	_, err = held.Exec(t.Context(), `lock table checkpoints`)
	h.then(err)
	readiness := projections.NewReadiness(h.pool, h.all...)
	answers := make(chan error, 50)
	for range cap(answers) {
		go func() {
			_, err := readiness.Ready(t.Context())
			answers <- err
		}()
	}
	const asking = `select count(*) = 1 from pg_locks where not granted and relation = 'checkpoints'::regclass`
	waitFor(t, h.pool, asking)
	if taken := h.pool.Stat().AcquiredConns(); taken > 3 {
		t.Errorf("%d connections are taken", taken)
	}
	h.then(held.Rollback(t.Context()))
	for range cap(answers) {
		h.then(<-answers)
	}
}
