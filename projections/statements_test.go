package projections

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
)

// TestStatementsEqualTheGoldenFile compares every statement that derives from a table's columns with testdata/statements.sql, which shows them
// to readers. With UPDATE_GOLDEN set it writes the file: review the difference, and raise the projection's version if the
// shape of a table changed.
func TestStatementsEqualTheGoldenFile(t *testing.T) {
	t.Parallel()
	var file strings.Builder
	file.WriteString("-- Every statement that derives from the columns of a table. Written by `task golden`.\n")
	show := func(heading string, statements ...string) {
		fmt.Fprintf(&file, "\n\n-- %s\n", heading)
		for _, sql := range statements {
			fmt.Fprintf(&file, "\n%s;\n", wrapped(strings.TrimSpace(sql)))
		}
	}
	sessions, participants, history := sessionsTable(), participantsTable(), historyTable()
	users, days, userDays := userTotals(), dayTotals(), userDayTotals()
	show("sessions.sessions", sessions.createSQL(), sessions.primaryKeySQL(), loadSessionsSQL(), sessions.upsertSQL(), sessions.copySQL())
	show("sessions.participants",
		participants.createSQL(), participants.primaryKeySQL(), loadParticipantsSQL(), participants.upsertSQL(), participants.copySQL())
	show("Queries of sessions: a study's open session, one session, and all open sessions", openSessionSQL(), sessionSQL(), openCallsSQL())
	show("history.sessions", history.createSQL(), history.primaryKeySQL(), insertHistorySQL(), history.copySQL())
	show("Query of history", historySQL())
	show("user_stats.totals", users.createSQL(), users.primaryKeySQL(), users.addSQL(), users.copySQL())
	show("Query of user_stats", userStatsSQL())
	show("study_stats.days", days.createSQL(), days.primaryKeySQL(), days.addSQL(), days.copySQL())
	show("study_stats.user_days", userDays.createSQL(), userDays.primaryKeySQL(), userDays.addSQL(), userDays.copySQL())

	const path = "testdata/statements.sql"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		check.NoError(t, os.WriteFile(path, []byte(file.String()), 0o600))
	}
	want, err := os.ReadFile(path)
	check.NoError(t, err)
	if file.String() != string(want) {
		t.Errorf("the statements differ from %s; if they should, run `task golden`. They are:\n%s", path, file.String())
	}
}

// wrapped breaks long lines after a comma.
func wrapped(sql string) string {
	var lines []string
	for line := range strings.SplitSeq(sql, "\n") {
		indent := "    "
		for rest := line; ; {
			at := -1
			if len(rest) > 120 {
				at = strings.LastIndex(rest[:120], ", ")
			}
			if at < 0 {
				lines = append(lines, rest)
				break
			}
			lines = append(lines, rest[:at+1])
			rest = indent + rest[at+2:]
		}
	}
	return strings.Join(lines, "\n")
}

// TestEveryColumnCanBeEncodedMergedAndScanned calls the functions that switch over a column's type for every column.
func TestEveryColumnCanBeEncodedMergedAndScanned(t *testing.T) {
	t.Parallel()
	useColumns(t, sessionsTable(), chapter{})
	useColumns(t, participantsTable(), participantRow{Participant: &domain.Participant{}})
	useColumns(t, historyTable(), historyRow{chapter: &chapter{}})
	useColumns(t, userTotals(), userTotal{})
	useColumns(t, dayTotals(), dayTotal{})
	useColumns(t, userDayTotals(), userDayTotal{})
}

func useColumns[R any](t *testing.T, table table[R], row R) {
	t.Helper()
	for _, c := range table.columns {
		if before, after := []byte("row"), appendValue([]byte("row"), c.field(&row), c.merge == optional); len(after) < len(before)+4 {
			t.Errorf("%s.%s is encoded as %q", table.name, c.name, after)
		}
	}
	table.merge(&row, &row)
	if targets := table.targets(&row); len(targets) != len(table.columns) {
		t.Errorf("%s has %d targets for %d columns", table.name, len(targets), len(table.columns))
	}
}
