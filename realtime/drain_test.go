package realtime_test

import (
	"testing"
	"time"
)

// Whoever does not come back after a drain left when it began, however long others take to go.
func TestADrainIsOfTheMomentAtWhichItBegan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.server()
	kim, lee := n.in("kim"), n.in("lee")
	lee.Deafen() // its connection is given time to answer the close
	began := time.Now()
	drained := make(chan struct{})
	go func() { defer close(drained); n.drain() }()
	if code := kim.Closed(); code != 1012 {
		t.Errorf("closed with %d", code)
	}
	told := time.Now()
	select {
	case <-drained:
		t.Error("the drain did not wait for lee")
	default:
	}
	<-drained
	var least, most time.Time
	must(t, w.pool.QueryRow(t.Context(), `select min(lost_at), max(lost_at) from connections`).Scan(&least, &most))
	between(t, "the first loss", least, began, told)
	between(t, "the last loss", most, began, told)
}
