package projections

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

// For the tests in projections_test.
var (
	FoldInto       = foldInto
	CheckpointName = checkpointName
)

// PollWindow is pollWindow.
const PollWindow = pollWindow

// Throttle is throttle.
type Throttle = throttle

// Watch is watch.
func (t *throttle) Watch(ctx context.Context, pool *pgxpool.Pool) { t.watch(ctx, pool) }

// Busy reports whether other clients were active at the latest poll.
func (t *throttle) Busy() bool { return t.busy.Load() }

// SetBusy overrides the result of the latest poll.
func (t *throttle) SetBusy(busy bool) { t.busy.Store(busy) }

// Step is step.
func (t *throttle) Step(do func() error) error { return t.step(do) }

// The statements of the queries, for the tests of their plans.
var (
	HistorySQL     = historySQL()
	UserStatsSQL   = userStatsSQL()
	StudyStatsSQL  = studyStatsSQL
	OpenSessionSQL = openSessionSQL()
	SessionSQL     = sessionSQL()
	OpenCallsSQL   = openCallsSQL()
)
