package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/postgres/postgrestest"
)

// appendMutes appends AudioMuted events to a study's stream in one transaction.
func appendMutes(t *testing.T, pool *pgxpool.Pool, study string, version, events int) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), `
		select from append_events(array['call-' || $1], array[$2::bigint], array_fill(1, array[$3::int]), array_fill('s'::text, array[$3::int]),
			array_fill('AudioMuted'::text, array[$3::int]), array_fill(1::smallint, array[$3::int]), array_fill('{"userId":"kim"}'::text, array[$3::int]),
			array_fill('2025-11-19T10:30:00Z'::timestamptz, array[$3::int]))`, study, version, events); err != nil {
		t.Fatal(err)
	}
}

// printed runs the command events, and returns its output as "position study version".
func printed(t *testing.T, args ...string) []string {
	t.Helper()
	code, stdout, stderr := studycall(t, append([]string{"events", "--json"}, args...)...)
	if code != exitOK {
		t.Fatalf("exit %d, %q", code, stderr)
	}
	var events []string
	for line := range strings.Lines(stdout) {
		events = append(events, eventIn(t, line))
	}
	return events
}

func eventIn(t *testing.T, line string) string {
	t.Helper()
	var event struct {
		Position, Version int64
		StudyID           string
	}
	if err := json.Unmarshal([]byte(line), &event); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return fmt.Sprintf("%d %s %d", event.Position, event.StudyID, event.Version)
}

// events --study prints exactly the study's events of the log, with any number of pages, after any position.
func TestEventsOfAStudyAreThoseOfTheLog(t *testing.T) {
	t.Parallel()
	skipInShort(t, "6 s")
	url := postgrestest.NewURL(t)
	pool := openPool(t, url)
	for i := range 3 { // alternating: a has 2,703 events, b 300
		appendMutes(t, pool, "a", 901*i, 901)
		appendMutes(t, pool, "b", 100*i, 100)
	}
	log := printed(t, "--database-url="+url)
	if len(log) != 3003 {
		t.Fatalf("the log has %d events", len(log))
	}
	for _, after := range []int{0, 1, 900, 901, 1000, 1001, 2000, 2902, 2903, 3002, 3003, 5000} {
		for _, study := range []string{"a", "b", "c"} {
			var want []string
			for _, event := range log[min(after, len(log)):] {
				if strings.Fields(event)[1] == study {
					want = append(want, event)
				}
			}
			got := printed(t, "--database-url="+url, "--study="+study, fmt.Sprintf("--after=%d", after))
			if !slices.Equal(got, want) {
				t.Errorf("%s after %d: %d events, want %d", study, after, len(got), len(want))
			}
		}
	}
}

// events --follow --study prints the study's recorded and new events without gap or repetition, and no events of other studies.
func TestEventsFollowOfAStudy(t *testing.T) {
	t.Parallel()
	url := postgrestest.NewURL(t)
	pool := openPool(t, url)
	appendMutes(t, pool, "a", 0, 3)
	appendMutes(t, pool, "b", 0, 2)
	following, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	shown := make(lineWriter, 10)
	ended := make(chan int, 1)
	go func() {
		var stderr bytes.Buffer
		ended <- run(following, []string{"events", "--database-url=" + url, "--study=a", "--after=1", "--follow", "--json"}, shown, &stderr)
	}()
	var got []string
	next := func() {
		for line := range strings.Lines(<-shown) {
			got = append(got, eventIn(t, line))
		}
	}
	next()
	appendMutes(t, pool, "b", 2, 2)
	appendMutes(t, pool, "a", 3, 1)
	next()
	appendMutes(t, pool, "b", 4, 1)
	appendMutes(t, pool, "a", 4, 1)
	next()
	interrupt()
	if code := <-ended; code != exitOK {
		t.Errorf("exit %d after an interrupt", code)
	}
	if want := []string{"2 a 2", "3 a 3", "8 a 4", "10 a 5"}; !slices.Equal(got, want) {
		t.Errorf("printed %q, want %q", got, want)
	}
}
