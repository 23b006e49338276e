package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/check"
)

func TestHistoryOfAStudyWithoutSessions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.start() // is open, so it is not history
	golden(t, "history_none", 200, s.ask(member, "GET", "history", "", "Min-Event-Position", "1"))
}

func TestHistoryAndUserStatsFollowTheLog(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	position := ""
	for _, c := range []struct{ user, method, path, body string }{
		{owner, "POST", "start", ""}, {member, "POST", "join", naming("id-1")}, {owner, "POST", "join", naming("id-1")},
		{member, "POST", "leave", naming("id-1")}, {member, "POST", "join", naming("id-1")}, {owner, "POST", "leave", naming("id-1")},
		{member, "POST", "leave", naming("id-1")}, {admin, "POST", "start", ""},
	} {
		got := s.ask(c.user, c.method, c.path, c.body)
		if position = got.header.Get("Event-Position"); got.status >= 300 {
			t.Fatal(got)
		}
		s.pass(10*time.Minute + 600*time.Millisecond)
	}
	golden(t, "history_one", 200, s.ask(admin, "GET", "history", "", "Min-Event-Position", position))
	golden(t, "user_stats_one", 200, s.ask(member, "GET", "stats/users/"+member, "", "Min-Event-Position", position))
	golden(t, "study_stats_one", 200, s.ask(member, "GET", "stats?period=all", "", "Min-Event-Position", position))

	s.exec(`delete from users where id = $1`, owner)
	s.exec(`update users set name = '이영희 <&>', avatar = 'data:image/png;base64,AAAA' where id = $1`, member)
	golden(t, "history_people_changed", 200, s.ask(admin, "GET", "history", "", "Min-Event-Position", position))
}

// shown returns the ids on a page of history, and its totals.
func shown(t *testing.T, got answer) string {
	t.Helper()
	var page struct {
		Sessions   []struct{ ID string }
		Pagination struct{ Page, Limit, Total, TotalPages int64 }
	}
	check.NoError(t, json.Unmarshal([]byte(got.body), &page))
	var text strings.Builder
	for _, s := range page.Sessions {
		text.WriteString(s.ID + " ")
	}
	p := page.Pagination
	return fmt.Sprintf("%s| %d %d %d %d", &text, p.Page, p.Limit, p.Total, p.TotalPages)
}

func TestHistoryByPageAndDate(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var pastCalls []pastCall
	for i, start := range []string{
		"2025-11-17T14:59:59.999Z", "2025-11-17T15:00:00Z", // the midnight between the 17th and the 18th in Seoul
		"2025-11-18T10:00:00.500Z", "2025-11-18T14:59:59.999Z", "2025-11-18T15:00:00Z",
	} {
		pastCalls = append(pastCalls, pastCall{id: string(rune('a' + i)), start: clock(start)})
	}
	known := s.past("study-123", pastCalls...)
	for query, want := range map[string]string{
		"":                                        "e d c b a | 1 20 5 1",
		"page=1&limit=100":                        "e d c b a | 1 100 5 1",
		"limit=2":                                 "e d | 1 2 5 3",
		"page=3&limit=2":                          "a | 3 2 5 3",
		"page=03&limit=2":                         "a | 3 2 5 3",
		"page=4&limit=2":                          "| 4 2 5 3",
		"page=9223372036854775807":                "| 9223372036854775807 20 5 1",
		"unknown=1&unknown=2&page=1":              "e d c b a | 1 20 5 1",
		"PAGE=x&startdate=x":                      "e d c b a | 1 20 5 1",
		"startDate=2025-11-18":                    "e d c b | 1 20 4 1",
		"endDate=2025-11-18":                      "d c b a | 1 20 4 1",
		"endDate=2025-11-17":                      "a | 1 20 1 1",
		"endDate=2025-11-16":                      "| 1 20 0 0",
		"startDate=2025-11-20":                    "| 1 20 0 0",
		"startDate=0000-01-01":                    "e d c b a | 1 20 5 1",
		"endDate=9999-12-31":                      "e d c b a | 1 20 5 1",
		"endDate=0001-01-01T00:00:00Z":            "| 1 20 0 0",
		"endDate=0000-12-31T23:59:59.999Z":        "| 1 20 0 0",
		"startDate=2025-11-18&endDate=2025-11-18": "d c b | 1 20 3 1",
		"startDate=2025-11-18&endDate=2025-11-18&page=2&limit=2":                "b | 2 2 3 2",
		"startDate=2025-11-18T10:00:00.500Z":                                    "e d c | 1 20 3 1",
		"startDate=2025-11-18T10:00:00.5Z":                                      "e d c | 1 20 3 1",
		"startDate=2025-11-18T10:00:00,5Z":                                      "e d c | 1 20 3 1",
		"startDate=2025-11-18T10:00:00.5000001Z":                                "e d | 1 20 2 1",
		"endDate=2025-11-18T10:00:00.500Z":                                      "c b a | 1 20 3 1",
		"endDate=2025-11-18T10:00:00.5009Z":                                     "c b a | 1 20 3 1",
		"endDate=2025-11-18T10:00:00.4999999Z":                                  "b a | 1 20 2 1",
		"endDate=2025-11-18T10:00:00Z":                                          "b a | 1 20 2 1",
		"startDate=2025-11-18T10:00:00.5Z&endDate=2025-11-18T10:00:00.5Z":       "c | 1 20 1 1",
		"startDate=2025-11-18T10:00:00.5004Z&endDate=2025-11-18T10:00:00.5004Z": "| 1 20 0 0",
		"startDate=2025-11-18T19:00:00.500%2B09:00":                             "e d c | 1 20 3 1",
		"startDate=2025-11-18T19:00:00.500+09:00":                               "e d c | 1 20 3 1", // the plus is a space
		"startDate=2025-11-18T19:00:00.500%2B0900":                              "e d c | 1 20 3 1",
		"startDate=2025-11-18T19:00:00.500%2B09":                                "e d c | 1 20 3 1",
		"startDate=2025-11-18T05:00:00.500-05:00":                               "e d c | 1 20 3 1",
		"startDate=2025-11-18T19:00:00.500":                                     "e d c | 1 20 3 1", // Seoul's
		"startDate=2025-11-18T19:00&endDate=2025-11-18T19:01":                   "c | 1 20 1 1",
		"startDate=2025-11-18T10:00Z&endDate=2025-11-18":                        "d c | 1 20 2 1",
		"startDate=2025-11-18&endDate=2025-11-17T15:00Z":                        "b | 1 20 1 1",
	} {
		got := s.ask(member, "GET", "history?"+query, "", known...)
		if got.status != http.StatusOK || shown(t, got) != want {
			t.Errorf("%s: %d %s, want %s", query, got.status, shown(t, got), want)
		}
	}
}

// A day begins when the clocks of the zone first show it, and is as long as the zone makes it.
func TestDatesOfHistoryAreDaysOfTheZone(t *testing.T) {
	t.Parallel()
	for zone, c := range map[string]struct {
		day   string
		first string // instant at which it begins
		hours float64
	}{
		"Asia/Seoul":          {"2025-11-19", "2025-11-18T15:00:00Z", 24},
		"America/New_York":    {"2025-03-09", "2025-03-09T05:00:00Z", 23},
		"Europe/Berlin":       {"2025-10-26", "2025-10-25T22:00:00Z", 25},
		"America/Havana":      {"2025-03-09", "2025-03-09T05:00:00Z", 23}, // there is no midnight: 01:00 follows 23:59
		"Atlantic/Azores":     {"2025-10-26", "2025-10-26T00:00:00Z", 25}, // midnight comes twice
		"Asia/Beirut":         {"2025-10-25", "2025-10-24T21:00:00Z", 25}, // its last hour comes twice
		"Australia/Lord_Howe": {"2025-04-06", "2025-04-05T13:00:00Z", 24.5},
		"Pacific/Apia":        {"2011-12-30", "2011-12-30T10:00:00Z", 0}, // was left out
		"UTC":                 {"2024-02-29", "2024-02-29T00:00:00Z", 24},
	} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(c *setup) { c.Zone = zoneOf(t, zone) })
			first := clock(c.first)
			end := first.Add(time.Duration(c.hours * float64(time.Hour)))
			times := []time.Time{first.Add(-time.Millisecond), first, end.Add(-time.Millisecond), end}
			slices.SortFunc(times, time.Time.Compare)
			var pastCalls []pastCall
			want := ""
			for i, at := range times {
				pastCalls = append(pastCalls, pastCall{id: strconv.Itoa(i), start: at})
				if !at.Before(first) && at.Before(end) {
					want = strconv.Itoa(i) + " " + want
				}
			}
			known := s.past("study-123", pastCalls...)
			got := s.ask(member, "GET", "history?startDate="+c.day+"&endDate="+c.day, "", known...)
			if ids, _, _ := strings.Cut(shown(t, got), "|"); got.status != http.StatusOK || ids != want {
				t.Errorf("got %s, want %s: %+v", ids, want, got)
			}
		})
	}
}

func TestHistoryRefusesInvalidParameters(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	check := func(query, field string) {
		t.Helper()
		for _, language := range []string{"ko", "en"} {
			got := s.ask(member, "GET", "history?"+query, "", "Accept-Language", language)
			details := refused(t, query, http.StatusBadRequest, "INVALID_REQUEST", got)
			if details["field"] != field || details["reason"] == "" || strings.Contains(fmt.Sprint(details["reason"]), "9223372036854775807") || got.header.Get("Content-Language") != language {
				t.Errorf("%s: %+v", query, got)
			}
		}
	}
	for _, number := range []string{"", "0", "-1", "+1", "1.0", "1e1", "one", " 1", "1 ", "0x1", "１", "9223372036854775808", "NaN", "null", "\x00"} {
		check("page="+url.QueryEscape(number), "page")
		check("limit="+url.QueryEscape(number), "limit")
	}
	check("limit=101", "limit")
	check("page=1&page=1", "page")
	check("limit=1&limit=2", "limit")
	for _, date := range []string{
		"", "yesterday", "2025", "2025-11", "2025-13-01", "2025-02-29", "2025-11-31", "2025-1-1", "20251119", "19-11-2025", "2025/11/19",
		"2025-11-19T", "2025-11-19T10", "2025-11-19T1:00:00Z", "2025-11-19T25:00:00Z", "2025-11-19T24:00:00Z", "2025-11-19T10:60:00Z",
		"2025-11-19T10:00:60Z", "2025-11-19 10:00:00Z", "2025-11-19 10:00:00", "2025-11-19T10:00:00ZZ", "2025-11-19T10:00:00KST",
		"2025-11-19T10:00:00+25:00", "2025-11-19T10:00:00+9:00", "12025-11-19", "-2025-11-19", " 2025-11-19", "2025-11-19Z", "1763546400",
		"2025-11-19\x00", "\xff", "２０２５-11-19",
	} {
		check("startDate="+url.QueryEscape(date), "startDate")
		check("endDate="+url.QueryEscape(date), "endDate")
	}
	check("startDate=2025-11-19&startDate=2025-11-19", "startDate")
	for _, backwards := range [][2]string{
		{"2025-11-20", "2025-11-19"}, {"2025-11-19T10:00:00.001Z", "2025-11-19T10:00:00Z"}, {"2025-11-20T00:00", "2025-11-19"},
		{"2025-11-19", "2025-11-18T23:59"}, {"2025-11-19T10:00:00.0005Z", "2025-11-19T10:00:00.0004Z"},
	} {
		check("startDate="+backwards[0]+"&endDate="+backwards[1], "endDate")
	}
	check("page=%zz", "query")
	check("page=1;limit=2", "query")
	if s.logged.String() != "" {
		t.Errorf("logged: %s", s.logged)
	}
}
