package projections_test

import (
	"strings"
	"testing"

	"github.com/studycall/studycall/projections"
)

// corruption is a change of the live tables, and the differences to be found.
type corruption struct {
	name, sql string
	want      []string
}

const (
	a0Lee = `{"session_id":"a0","user_id":"lee"}`
	kim   = `{"study_id":"study-1","user_id":"kim"}`
	day   = `{"day":"2025-11-19","study_id":"study-1"}`
)

func corruptions() []corruption {
	return []corruption{
		{"nothing", `select`, nil},
		{"a time", `update sessions.sessions set ended_at = '2025-11-19 10:31:31+00' where id = 'a0'`,
			[]string{`sessions.sessions {"id":"a0"} "ended_at": "2025-11-19T10:31:31+00:00", not "2025-11-19T10:31:30+00:00"`}},
		{"null for a value", `update sessions.sessions set end_reason = null where id = 'b0'`,
			[]string{`sessions.sessions {"id":"b0"} "end_reason": null, not "expired"`}},
		{"a value for null", `update sessions.participants set muted_since = '2025-11-19 10:40Z' where user_id = 'park'`,
			[]string{`sessions.participants {"session_id":"b1","user_id":"park"} "muted_since": "2025-11-19T10:40:00+00:00", not null`}},
		{"two columns", `update sessions.participants set present_ms = 1, ordinal = 7 where session_id = 'a0' and user_id = 'lee'`,
			[]string{`sessions.participants ` + a0Lee + ` "ordinal": 7, not 1`, `sessions.participants ` + a0Lee + ` "present_ms": 1, not 88000`}},
		{"a missing session", `delete from sessions.sessions where id = 'b0'`,
			[]string{`sessions.sessions {"id":"b0"} "": null, not {"end_reason":"expired","ended_at":"2025-11-19T10:35:00+00:00","id":"b0",` +
				`"position":23,"started_at":"2025-11-19T10:30:00+00:00","started_by":"park","study_id":"study-2"}`}},
		{"another session", `insert into sessions.sessions values ('x', 'study-3', 'kim', '2025-11-19 10:30Z', null, null, 4)`,
			[]string{`sessions.sessions {"id":"x"} "": {"end_reason":null,"ended_at":null,"id":"x","position":4,` +
				`"started_at":"2025-11-19T10:30:00+00:00","started_by":"kim","study_id":"study-3"}, not null`}},
		{"another key", `update user_stats.totals set user_id = '이 "\' where user_id = 'kim'`, []string{
			`user_stats.totals {"study_id":"study-1","user_id":"kim"} "": null, not ` + totals("kim", "177000", "150000", "11:04:20"),
			`user_stats.totals {"study_id":"study-1","user_id":"이 \"\\"} "": ` + strings.Replace(totals("kim", "177000", "150000", "11:04:20"), `"kim"`, `"이 \"\\"`, 1) + `, not null`}},
		{"an array", `update history.sessions set present_ms = '{1,2}' where session_id = 'a0'`,
			[]string{`history.sessions {"session_id":"a0"} "present_ms": [1,2], not [59000,88000]`}},
		{"an order", `update history.sessions set user_ids = '{lee,kim}' where session_id = 'a0'`,
			[]string{`history.sessions {"session_id":"a0"} "user_ids": ["lee","kim"], not ["kim","lee"]`}},
		{"numbers", `update history.sessions set number = number + 100 where session_id in ('a1', 'b0')`, []string{
			`history.sessions {"session_id":"a1"} "number": 102, not 2`, `history.sessions {"session_id":"b0"} "number": 101, not 1`}},
		{"a sum", `update user_stats.totals set muted_ms = -1, last_left_at = 'infinity' where user_id = 'kim'`, []string{
			`user_stats.totals ` + kim + ` "last_left_at": "infinity", not "2025-11-19T11:04:20+00:00"`,
			`user_stats.totals ` + kim + ` "muted_ms": -1, not 150000`}},
		{"a missing sum", `delete from user_stats.totals where user_id = 'lee'`,
			[]string{`user_stats.totals {"study_id":"study-1","user_id":"lee"} "": null, not ` + totals("lee", "264000", "0", "11:04:50")}},
		{"a day", `update study_stats.days set participants = 5 where study_id = 'study-1'`,
			[]string{`study_stats.days ` + day + ` "participants": 5, not 6`}},
		{"another day", `insert into study_stats.days values ('study-1', '2025-11-20', 1, 2, 3, 4)`,
			[]string{`study_stats.days {"day":"2025-11-20","study_id":"study-1"} "": {"day":"2025-11-20","duration_ms":3,"participants":2,` +
				`"position":4,"sessions":1,"study_id":"study-1"}, not null`}},
		{"no days at all", `truncate study_stats.days`, []string{
			`study_stats.days ` + day + ` "": null, not {"day":"2025-11-19","duration_ms":270000,"participants":6,"position":21,"sessions":3,"study_id":"study-1"}`,
			`study_stats.days {"day":"2025-11-19","study_id":"study-2"} "": null, not {"day":"2025-11-19","duration_ms":300000,"participants":0,"position":23,"sessions":1,"study_id":"study-2"}`}},
		{"a user's day", `update study_stats.user_days set present_ms = 0, sessions = 2 where user_id = 'kim'`, []string{
			`study_stats.user_days {"day":"2025-11-19","study_id":"study-1","user_id":"kim"} "present_ms": 0, not 177000`,
			`study_stats.user_days {"day":"2025-11-19","study_id":"study-1","user_id":"kim"} "sessions": 2, not 3`}},
		{"two projections", `delete from study_stats.days where study_id = 'study-2'; update history.sessions set position = 1 where session_id = 'a2'`, []string{
			`history.sessions {"session_id":"a2"} "position": 1, not 21`,
			`study_stats.days {"day":"2025-11-19","study_id":"study-2"} "": null, not {"day":"2025-11-19","duration_ms":300000,"participants":0,"position":23,"sessions":1,"study_id":"study-2"}`}},
	}
}

// totals returns a row of user_stats.totals of study-1 as JSON.
func totals(user, present, muted, left string) string {
	return `{"camera_off_ms":0,"first_joined_at":"2025-11-19T10:30:0` + map[string]string{"kim": "1", "lee": "2"}[user] +
		`+00:00","last_left_at":"2025-11-19T` + left + `+00:00","muted_ms":` + muted + `,"position":21,"present_ms":` + present +
		`,"sessions":3,"sharing_ms":0,"study_id":"study-1","user_id":"` + user + `"}`
}

// TestVerifyFindsEveryDifference and nothing else, and changes nothing. A rebuild then corrects the tables.
func TestVerifyFindsEveryDifference(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.exec(`do $$ begin execute format('alter database %I set timezone = %L', current_database(), 'UTC'); end $$`)
	srv.pool.Reset()
	srv.givenSamples()
	srv.waitUntilCaughtUp()
	right := srv.contents()
	for n, c := range corruptions() {
		if testing.Short() && n%9 != 1 {
			continue
		}
		srv.exec(c.sql)
		wrong := srv.contents()
		found := srv.verify()
		if d := lineDiff(found, c.want); d != "" {
			t.Errorf("%s:\n%s", c.name, d)
		}
		srv.mustHaveContents(wrong)
		if len(c.want) > 0 {
			srv.rebuild()
		}
		srv.mustHaveContents(right)
	}
	srv.mustHaveNoLeftovers()
}

// TestVerifyFindsDifferentDefinitions: columns and indexes that are missing or differ, and additional columns.
func TestVerifyFindsDifferentDefinitions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sql  string
		want []string
	}{
		{`alter table history.sessions drop column present_ms`, []string{
			`history.sessions {"column":"present_ms"} "definition": null, not "bigint[] not null"`,
			`history.sessions {"session_id":"a0"} "present_ms": null, not [59000,88000]`,
			`history.sessions {"session_id":"a1"} "present_ms": null, not [59000,88000]`,
			`history.sessions {"session_id":"a2"} "present_ms": null, not [59000,88000]`,
			`history.sessions {"session_id":"b0"} "present_ms": null, not []`,
		}},
		{`alter table study_stats.days add column extra text`, []string{
			`study_stats.days {"column":"extra"} "definition": "text", not null`,
		}},
		{`alter table study_stats.days add column extra text; update study_stats.days set extra = 'x' where study_id = 'study-1'`, []string{
			`study_stats.days {"column":"extra"} "definition": "text", not null`,
			`study_stats.days ` + day + ` "extra": "x", not null`,
		}},
		{`alter table sessions.sessions alter end_reason type varchar(20), alter study_id drop not null`, []string{
			`sessions.sessions {"column":"end_reason"} "definition": "character varying(20)", not "text"`,
			`sessions.sessions {"column":"study_id"} "definition": "text", not "text not null"`,
		}},
		{`drop index history.sessions_number; create index sessions_number on history.sessions (number)`, []string{
			`history.sessions {"index":"sessions_number"} "definition": "CREATE INDEX sessions_number ON sessions USING btree (number)", ` +
				`not "CREATE UNIQUE INDEX sessions_number ON sessions USING btree (study_id, number)"`,
		}},
		{`create index of_an_operator on history.sessions (started_by)`, nil},
		// The rows are compared by the key that the table should have, and a second row with the same key is a difference.
		{`alter table study_stats.days drop constraint days_pkey; update study_stats.days set sessions = 5 where study_id = 'study-1';
			insert into study_stats.days select * from study_stats.days where study_id = 'study-2'`, []string{
			`study_stats.days {"index":"days_pkey"} "definition": null, not "PRIMARY KEY: CREATE UNIQUE INDEX days_pkey ON days USING btree (study_id, day)"`,
			`study_stats.days ` + day + ` "sessions": 5, not 3`,
			`study_stats.days {"day":"2025-11-19","study_id":"study-2"} "": {"day":"2025-11-19","duration_ms":300000,"participants":0,"position":23,"sessions":1,"study_id":"study-2"}, not null`,
		}},
	} {
		t.Run(c.sql, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(c.sql, "sessions_number") {
				skipIfShort(t, "needs a database for each definition")
			}
			srv := newServer(t)
			srv.givenSamples()
			srv.waitUntilCaughtUp()
			srv.stop()
			srv.exec(c.sql)
			if d := lineDiff(srv.verify(), c.want); d != "" {
				t.Error(d)
			}
			srv.rebuild()
			srv.mustVerify()
			srv.mustHaveNoLeftovers()
		})
	}
}

// TestVerifyOfMissingTables returns an error that names them.
func TestVerifyOfMissingTables(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.givenSamples()
	srv.waitUntilCaughtUp()
	srv.stop()
	srv.exec(`drop table study_stats.user_days`)
	err := srv.rebuilder.Verify(t.Context(), func(projections.Difference) {}, srv.all...)
	if err == nil || !strings.Contains(err.Error(), "its tables are [days] and should be [days user_days]") {
		t.Errorf("the error is %v", err)
	}
	srv.rebuild()
	srv.mustVerify()
	srv.mustHaveNoLeftovers()
}

// TestVerifyOfTablesOfAnotherVersion returns an error, not a long list of differences.
func TestVerifyOfTablesOfAnotherVersion(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	srv.givenSamples()
	srv.waitUntilCaughtUp()
	for name, p := range map[string]projections.Projection{
		"another zone":  projections.StudyStats{Zone: inZone(t, "UTC")},
		"never made":    overridden{Projection: projections.History{}, name: "never_made"},
		"newer program": overridden{Projection: projections.Sessions{}, version: &projections.Version{Number: 99}},
	} {
		err := srv.rebuilder.Verify(t.Context(), func(d projections.Difference) { t.Errorf("%s: %+v", name, d) }, p)
		if err == nil || !strings.Contains(err.Error(), p.Name()) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	srv.mustHaveNoLeftovers()
}
