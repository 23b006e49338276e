package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/projections"
)

func TestStatsOfAStudyWithoutSessions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	golden(t, "study_stats_none", 200, s.ask(member, "GET", "stats", ""))
	golden(t, "study_stats_none_all", 200, s.ask(member, "GET", "stats?period=all", ""))
	golden(t, "user_stats_none", 200, s.ask(member, "GET", "stats/users/"+member, ""))
}

// studyStats is the answer of GET stats.
type studyStats struct {
	Stats struct {
		TotalSessions, TotalParticipants, TotalDuration, AverageDuration int64
		AverageParticipants                                              json.Number
		MostActiveUser                                                   *struct {
			UserID       string
			Name         *string
			SessionCount int64
		}
		SessionsPerDay []struct {
			Date  string
			Count int64
		}
	}
}

func statsOf(t *testing.T, got answer) studyStats {
	t.Helper()
	var stats studyStats
	if got.status != http.StatusOK {
		t.Fatal(got)
	}
	check.NoError(t, json.Unmarshal([]byte(got.body), &stats))
	return stats
}

func TestStatsOfEachPeriod(t *testing.T) {
	t.Parallel()
	s := newServer(t) // it is 19:30 on 2025-11-19 in Seoul
	var pastCalls []pastCall
	for i, day := range []string{ // in Seoul: the first or the last moment of each
		"2024-11-18T14:59:59Z", "2024-11-19T15:00:00Z", // 2024-11-18, and 2024-11-20, the first day of the year
		"2025-10-20T14:59:59Z", "2025-10-20T15:00:00Z", // 2025-10-20, and 2025-10-21, the first day of the month
		"2025-11-12T14:59:59Z", "2025-11-12T15:00:00Z", // 2025-11-12, and 2025-11-13, the first day of the week
		"2025-11-18T15:00:00Z", // today
	} {
		pastCalls = append(pastCalls, pastCall{id: strconv.Itoa(i), start: clock(day), length: time.Second})
	}
	known := s.past("study-123", pastCalls...)
	for period, want := range map[string]string{
		"week": "2 sessions on 7 days from 2025-11-13 to 2025-11-19", "month": "4 sessions on 30 days from 2025-10-21 to 2025-11-19",
		"year": "6 sessions on 365 days from 2024-11-20 to 2025-11-19", "all": "7 sessions on 367 days from 2024-11-18 to 2025-11-19",
	} {
		got := s.ask(member, "GET", "stats?period="+period, "", known...)
		stats := statsOf(t, got).Stats
		days, sum := stats.SessionsPerDay, int64(0)
		for i, d := range days {
			sum += d.Count
			if next := clock(days[0].Date+"T00:00:00Z").AddDate(0, 0, i).Format(time.DateOnly); d.Date != next {
				t.Errorf("%s: day %d is %s, want %s", period, i, d.Date, next)
			}
		}
		is := fmt.Sprintf("%d sessions on %d days from %s to %s", stats.TotalSessions, len(days), days[0].Date, days[len(days)-1].Date)
		if is != want || sum != stats.TotalSessions || stats.TotalDuration != sum || !strings.Contains(got.body, `"period":"`+period+`"`) {
			t.Errorf("%s: %s, want %s, and %d in sum: %s", period, is, want, sum, got.body)
		}
	}
}

func TestAveragesAreRounded(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i, c := range []struct {
		participants, sessions int
		want                   string
	}{
		{38, 12, "3.2"}, {3, 1, "3"}, {1, 4, "0.3"}, {1, 20, "0.1"}, {1, 21, "0"}, {9, 4, "2.3"}, {7, 3, "2.3"}, {8, 3, "2.7"}, {0, 2, "0"},
		{41, 20, "2.1"}, {59, 20, "3"}, {5, 2, "2.5"},
	} {
		study := fmt.Sprintf("study-%d", i)
		s.exec(`insert into studies (id, name) values ($1, '')`, study)
		s.exec(`insert into study_members (study_id, user_id) values ($1, $2)`, study, member)
		var pastCalls []pastCall
		for n := range c.sessions {
			m := pastCall{id: fmt.Sprintf("%s-%d", study, n), start: clock("2025-11-19T00:00:00Z").Add(time.Duration(n) * time.Minute), length: 1999 * time.Millisecond}
			for p := n; p < c.participants; p += c.sessions {
				m.present = append(m.present, stay{user: fmt.Sprintf("u%d", p), length: 700 * time.Millisecond})
			}
			pastCalls = append(pastCalls, m)
		}
		known := s.past(study, pastCalls...)
		got := s.send(member, "GET", "/api/my-studies/"+study+"/video-call/stats", strings.NewReader(""), known...)
		stats := statsOf(t, got).Stats
		// Floored once, from the sum of the milliseconds.
		if duration := int64(c.sessions) * 1999 / 1000; stats.AverageParticipants.String() != c.want ||
			stats.TotalParticipants != int64(c.participants) || stats.TotalDuration != duration || stats.AverageDuration != 1 {
			t.Errorf("%d over %d: %s, want %s and %d s", c.participants, c.sessions, got.body, c.want, duration)
		}
	}
}

func TestADeletedMostActiveUserHasNoName(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	known := s.past("study-123", pastCall{id: "s", start: clock("2025-11-19T00:00:00Z"), present: everybody(time.Second, "deleted")})
	if got := s.ask(member, "GET", "stats", "", known...); !strings.Contains(got.body, `"mostActiveUser":{"userId":"deleted","name":null,"sessionCount":1}`) {
		t.Errorf("%+v", got)
	}
	s.exec(`insert into users (id, name, email) values ('deleted', '돌아온 이', 'g@example.com')`)
	if got := s.ask(member, "GET", "stats", "", known...); !strings.Contains(got.body, `"name":"돌아온 이"`) {
		t.Errorf("%+v", got)
	}
}

func TestInvalidPeriodsAreRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, query := range []string{"", "day", "WEEK", "week ", "weeks", "0", "\x00", "\xff", "week,month", "week&period=month", "week&period=week"} {
		value, more, _ := strings.Cut(query, "&")
		query := "stats?period=" + url.QueryEscape(value) + "&" + more
		for _, language := range []string{"ko", "en"} {
			got := s.ask(member, "GET", query, "", "Accept-Language", language)
			details := refused(t, query, http.StatusBadRequest, "INVALID_REQUEST", got)
			if details["field"] != "period" || details["reason"] == "" {
				t.Errorf("%s: %+v", query, got)
			}
		}
	}
	if details := refused(t, "query", 400, "INVALID_REQUEST", s.ask(member, "GET", "stats?%", "")); details["field"] != "query" {
		t.Errorf("details %v", details)
	}
	if got := s.ask(member, "GET", "stats?other=1&other=2", ""); got.status != http.StatusOK {
		t.Errorf("unknown parameters: %+v", got)
	}
}

func TestWhoMaySeeThePast(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.exec(`insert into users (id, name, email, status) values ('suspended', 'S', 's@example.com', 'SUSPENDED'),
		('pending', 'P', 'p@example.com', 'ACTIVE'), ('kicked', 'K', 'k@example.com', 'ACTIVE'), ('ex-admin', 'E', 'e@example.com', 'ACTIVE')`)
	s.exec(`insert into study_members (study_id, user_id, role, status) values ('study-123', 'suspended', 'ADMIN', 'ACTIVE'),
		('study-123', 'pending', 'MEMBER', 'PENDING'), ('study-123', 'kicked', 'MEMBER', 'KICKED'), ('study-123', 'ex-admin', 'ADMIN', 'LEFT')`)
	const (
		ok     = "200"
		signIn = "401 AUTH_REQUIRED"
		denied = "403 PERMISSION_DENIED"
		join   = "403 NOT_STUDY_MEMBER"
		no     = "404 USER_NOT_FOUND"
		bad    = "400 INVALID_REQUEST"
	)
	for user, want := range map[string]string{
		owner: ok, admin: ok, member: ok, noOne: signIn, "nobody": signIn, "suspended": signIn,
		former: join, outsider: join, "pending": join, "kicked": join, "ex-admin": join,
	} {
		// Only a caller who may ask learns that a request is malformed.
		malformed := want
		if want == ok {
			malformed = bad
		}
		for path, want := range map[string]string{
			"history": want, "stats": want, "stats?period=all": want, "history?page=0": malformed, "stats?period=x": malformed,
			"history?page=1&startDate=x": malformed,
		} {
			allowed(t, s, user, path, want)
		}
	}
	for _, c := range []struct{ caller, user, want string }{
		{owner, owner, ok}, {owner, member, ok}, {owner, former, ok}, {owner, "pending", ok}, {owner, "kicked", ok},
		{owner, "suspended", ok}, {owner, outsider, no}, {owner, "nobody", no}, {owner, "%00", no}, {owner, "%ff", no},
		{owner, strings.Repeat("x", 201), no}, {admin, owner, ok}, {admin, admin, ok}, {admin, member, ok}, {admin, outsider, no},
		{member, member, ok}, {member, owner, denied}, {member, former, denied}, {member, outsider, denied}, {member, "nobody", denied},
		{member, "%00", denied}, {former, former, ok}, {"kicked", "kicked", ok}, {"pending", "pending", ok}, {"ex-admin", "ex-admin", ok},
		{former, member, join}, {"kicked", "nobody", join}, {"pending", owner, join}, {"ex-admin", member, join},
		{outsider, outsider, no}, {outsider, member, join}, {outsider, "nobody", join},
		{noOne, member, signIn}, {"nobody", "nobody", signIn}, {"suspended", "suspended", signIn}, {"suspended", member, signIn},
	} {
		allowed(t, s, c.caller, "stats/users/"+c.user, c.want)
	}
	refused(t, "of another study", 403, "NOT_STUDY_MEMBER", s.send(owner, "GET", "/api/my-studies/other/video-call/stats/users/"+member, http.NoBody))
	refused(t, "of no study", 404, "USER_NOT_FOUND", s.send(owner, "GET", "/api/my-studies/other/video-call/stats/users/"+owner, http.NoBody))
	for _, path := range []string{"stats/users", "stats/users/", "stats/users/a/b", "stats/x", "history/1"} {
		refused(t, path, 404, "ROUTE_NOT_FOUND", s.ask(owner, "GET", path, ""))
	}
	for _, path := range []string{"stats", "stats/users/x", "history"} {
		refused(t, path, 405, "METHOD_NOT_ALLOWED", s.ask(owner, "POST", path, ""))
	}
}

func allowed(t *testing.T, s *server, user, path, want string) {
	t.Helper()
	got := s.ask(user, "GET", path, "")
	var failure struct{ Code string }
	check.NoError(t, json.Unmarshal([]byte(got.body), &failure))
	is := strings.TrimSpace(fmt.Sprintf("%d %s", got.status, failure.Code))
	if is != want {
		t.Errorf("%q asks for %s: %s, want %s: %s", user, path, is, want, got.body)
	}
	if got.status != http.StatusOK {
		refused(t, path, got.status, failure.Code, got)
	}
}

// The position is checked before other faults of the query.
func TestStatisticsWaitForTheRequestedPosition(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	known := s.past("study-123", pastCall{id: "s", start: clock("2025-11-19T00:00:00Z"), present: everybody(time.Second, member)})
	for _, path := range []string{"history", "stats", "stats/users/" + member} {
		if got := s.ask(member, "GET", path, "", known...); got.status != http.StatusOK || got.header.Get("Event-Position") != known[1] {
			t.Errorf("%s: %+v", path, got)
		}
		details := refused(t, path, http.StatusBadRequest, "INVALID_REQUEST", s.ask(member, "GET", path, "", "Min-Event-Position", "x"))
		if details["field"] != "Min-Event-Position" {
			t.Errorf("%s: details %v", path, details)
		}
		got := s.ask(member, "GET", path, "", "Min-Event-Position", "1000")
		details = refused(t, path, http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", got)
		if details["field"] != "Min-Event-Position" || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: %+v", path, got)
		}
	}
	if s.logged.String() != "" {
		t.Errorf("logged: %s", s.logged)
	}
}

// The queries of the server are for a time zone whose tables do not exist.
func TestTablesOfAnotherTimeZoneAreA503(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	other := newServerOver(t, s.pool, func(c *setup) {
		c.StudyStats = projections.NewStudyStatsQueries(s.pool, s.store, time.UTC)
	})
	for _, headers := range [][]string{nil, {"Min-Event-Position", "1"}} {
		got := other.ask(member, "GET", "stats", "", headers...)
		refused(t, "stats", http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", got)
		if got.header.Get("Retry-After") == "" || !strings.Contains(other.logged.String(), "study_stats/1/UTC") {
			t.Errorf("%+v, logged %s", got, other.logged)
		}
	}
	if got := other.ask(member, "GET", "history", ""); got.status != http.StatusOK {
		t.Errorf("%+v", got)
	}
}

// FuzzQueries sends any query string to history and statistics. They answer, or name the parameter that is wrong.
func FuzzQueries(f *testing.F) {
	s := newServer(f)
	known := s.past("study-123", pastCall{id: "s", start: clock("2025-11-19T00:00:00Z"), present: everybody(time.Second, member)})
	if got := s.ask(member, "GET", "history", "", known...); got.status != http.StatusOK {
		f.Fatal(got)
	}
	for _, query := range []string{
		"page=1&limit=100", "page=9223372036854775807&limit=100", "startDate=2025-11-19&endDate=2025-11-19T10:00:00%2B09:00", "period=all",
		"period=week;page=1", "startDate=0000-01-01&endDate=9999-12-31", "endDate=0000-01-01T00:00:00%2B24:00", "page=%00", "%", "&&==",
		"startDate=9999-12-31T23:59:59.999999999-24:00", "endDate=2025-03-30T02:30:00", "page=１", "limit=-0",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for _, route := range []string{"history", "stats", "stats/users/" + member} {
			got := serveQuery(t, s, calls+route, query)
			if got.status == http.StatusOK {
				continue
			}
			details := refused(t, route+"?"+query, http.StatusBadRequest, "INVALID_REQUEST", got)
			if details["field"] == "" || details["reason"] == "" || s.logged.String() != "" {
				t.Errorf("%s: %+v, logged %s", query, got, s.logged)
			}
		}
	})
}
