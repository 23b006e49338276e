package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/postgres/postgrestest"
)

// rebuild and verify refuse a time zone other than that of the tables, because a running server could neither fold nor read the
// result. The error names both zones.
func TestRebuildAndVerifyRefuseAnotherTimeZone(t *testing.T) {
	t.Parallel()
	skipInShort(t, "2 s")
	database := "--database-url=" + postgrestest.NewURL(t)
	server := startProcess(t, database, "--listen=127.0.0.1:0")
	stats := server.address + strings.Replace(statusURL, "status", "stats", 1)
	for _, command := range []string{"rebuild", "verify"} {
		code, stdout, stderr := studycall(t, command, database, "--stats-timezone=UTC")
		if code != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 ||
			!strings.Contains(stderr, "study_stats count the days of Asia/Seoul, but --stats-timezone (STUDYCALL_STATS_TIMEZONE) is UTC") {
			t.Errorf("%s: exit %d, %q, %q", command, code, stdout, stderr)
		}
		if code, _, stderr := studycall(t, command, database, "--stats-timezone=UTC", "history"); code != exitOK {
			t.Errorf("%s of a projection without a time zone: exit %d, %q", command, code, stderr)
		}
	}
	if got := get(t, newClient(t), stats, "X-User-Id", "user-456"); got.Status != http.StatusOK {
		t.Errorf("the server's statistics: %d %s", got.Status, got.Raw)
	}
}

// page returns the body at an address.
func page(t *testing.T, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := newClient(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A server that starts with another time zone replaces the tables. The running server reports that its tables are of another
// version.
func TestAServerReportsTablesOfAnotherTimeZone(t *testing.T) {
	t.Parallel()
	skipInShort(t, "2 s")
	database := "--database-url=" + postgrestest.NewURL(t)
	log := &record{}
	seoul := serveInProcess(t, log, nil, database)
	utc := startProcess(t, database, "--listen=127.0.0.1:0", "--stats-timezone=UTC").address
	client := newClient(t)
	for server, want := range map[string][]string{
		seoul: {`"name":"study_stats","version":"1/UTC",`, `"state":"other version"`},
		utc:   {`"name":"study_stats","version":"1/UTC",`, `"state":"live"`},
	} {
		ready := get(t, client, server+"/ready")
		for _, text := range want {
			if ready.Status != http.StatusOK || !strings.Contains(ready.Raw, text) {
				t.Errorf("/ready answers %d %s, without %s", ready.Status, ready.Raw, text)
			}
		}
	}
	const metric = `studycall_projection_other_version{projection="study_stats"} `
	if metrics := page(t, seoul+"/metrics"); !strings.Contains(metrics, metric+"1\n") {
		t.Error("/metrics of the running server lacks the metric")
	}
	if metrics := page(t, utc+"/metrics"); !strings.Contains(metrics, metric+"0\n") {
		t.Error("/metrics of the new server has the metric")
	}
	check.Eventually(t, "the log reports the replacement", func() bool {
		return strings.Contains(log.String(), "projection=study_stats/1/Asia/Seoul") && strings.Contains(log.String(), "tables were replaced by another program")
	})
	for zone, want := range map[string]string{"Asia/Seoul": "other version", "UTC": "live"} {
		_, table, _ := studycall(t, "projections", database, "--stats-timezone="+zone)
		var row string
		for line := range strings.Lines(table) {
			if strings.HasPrefix(line, "study_stats ") {
				row = line
			}
		}
		if !strings.Contains(row, "1/UTC") || !strings.Contains(row, want) {
			t.Errorf("for a program with %s the table is\n%s", zone, table)
		}
	}
	check.Eventually(t, "the new server's statistics", func() bool {
		return get(t, client, utc+strings.Replace(statusURL, "status", "stats", 1), "X-User-Id", "user-456").Status == http.StatusOK
	})
}
