package realtime_test

import (
	"testing"
	"time"

	"github.com/studycall/studycall/check"
)

// A user who does not reconnect after a drain left when the drain began, however long other sockets take to close.
func TestADrainStampsLeavesWithItsStart(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server()
	kim, lee := server.in("kim"), server.in("lee")
	lee.Deafen() // its connection does not answer the close
	began := time.Now()
	drained := make(chan struct{})
	go func() { defer close(drained); server.drain() }()
	if code := kim.Closed(); code != 1012 {
		t.Errorf("closed with %d", code)
	}
	closedAt := time.Now()
	select {
	case <-drained:
		t.Error("the drain did not wait for lee")
	default:
	}
	<-drained
	var least, most time.Time
	check.NoError(t, cluster.pool.QueryRow(t.Context(), `select min(lost_at), max(lost_at) from connections`).Scan(&least, &most))
	between(t, "the first loss", least, began, closedAt)
	between(t, "the last loss", most, began, closedAt)
}
