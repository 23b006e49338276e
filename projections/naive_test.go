package projections_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/check"
)

// This file calculates the contents of the tables in another way: from the rows of the log, with lists of intervals, sorting and
// sums, and days as formatted dates. It shares no code with the domain's fold or the projections.

// fact is a row of the log.
type fact struct {
	position             int64
	study, session, kind string
	data                 map[string]string
	at                   int64 // milliseconds
}

// factsOf reads the log's rows of some studies, by position.
func (srv *server) factsOf(studies []string) []fact {
	srv.t.Helper()
	rows, err := srv.pool.Query(srv.t.Context(), `select position, substr(stream_id, 6), session_id, type, data::text,
		(extract(epoch from occurred_at) * 1000)::bigint from events
		where stream_id = any(select 'call-' || s from unnest($1::text[]) s) order by position`, studies)
	check.NoError(srv.t, err)
	facts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (fact, error) {
		var f fact
		var data string
		if err := row.Scan(&f.position, &f.study, &f.session, &f.kind, &data, &f.at); err != nil {
			return f, err
		}
		return f, json.Unmarshal([]byte(data), &f.data)
	})
	check.NoError(srv.t, err)
	return facts
}

// span is the time from one fact to another, or without an end.
type span struct {
	from, to int64
	running  bool // to is not set
}

// naiveParticipant is one user in one session.
type naiveParticipant struct {
	id, user    string
	first, last int64 // business times of the first and the latest fact
	left        int64 // of the latest leave
	inCall      bool
	spans       [4][]span // present, muted, camera off, sharing
}

// naiveSession is one session.
type naiveSession struct {
	study, id, starter, reason string
	from, to                   int64
	ended                      bool
	position                   int64 // of the latest fact
	participants               []naiveParticipant
}

// naiveSessionsOf returns the sessions in the facts, in the order of their starts.
func naiveSessionsOf(facts []fact) []naiveSession {
	var ids []string
	bySession := map[string][]fact{}
	for _, f := range facts {
		if bySession[f.session] == nil {
			ids = append(ids, f.session)
		}
		bySession[f.session] = append(bySession[f.session], f)
	}
	var all []naiveSession
	for _, id := range ids {
		all = append(all, naiveSessionOf(id, bySession[id]))
	}
	return all
}

func naiveSessionOf(id string, facts []fact) naiveSession {
	o := naiveSession{study: facts[0].study, id: id, position: facts[len(facts)-1].position}
	var users []string
	for _, f := range facts {
		switch f.kind {
		case "SessionStarted": // schemas 1 and 2 have different keys for the user
			o.starter, o.from = cmp.Or(f.data["userId"], f.data["startedBy"]), f.at
		case "SessionEnded":
			o.to, o.ended, o.reason = f.at, true, f.data["reason"]
		case "ParticipantJoined":
			if !slices.Contains(users, f.data["userId"]) {
				users = append(users, f.data["userId"])
			}
		}
	}
	for _, user := range users {
		own := slices.DeleteFunc(slices.Clone(facts), func(f fact) bool {
			return f.data["userId"] != user || f.kind == "SessionStarted"
		})
		o.participants = append(o.participants, naiveParticipantOf(user, own))
	}
	return o
}

func naiveParticipantOf(user string, facts []fact) naiveParticipant {
	v := naiveParticipant{id: facts[0].data["participantId"], user: user, first: facts[0].at, last: facts[len(facts)-1].at, inCall: true}
	for _, f := range facts {
		switch f.kind {
		case "ParticipantLeft":
			v.left, v.inCall = f.at, false
		case "ParticipantJoined":
			v.inCall = true
		}
	}
	v.spans = [4][]span{
		spansOf(facts, "ParticipantJoined"),
		spansOf(facts, "AudioMuted", "AudioUnmuted"),
		spansOf(facts, "VideoTurnedOff", "VideoTurnedOn"),
		spansOf(facts, "ScreenShareStarted", "ScreenShareStopped"),
	}
	return v
}

// spansOf returns a span for each fact of a kind, up to the next fact that ends it, or the next leave.
func spansOf(facts []fact, from string, to ...string) []span {
	var spans []span
	for i, f := range facts {
		if f.kind != from {
			continue
		}
		s := span{from: f.at, running: true}
		for _, next := range facts[i+1:] {
			if next.kind == "ParticipantLeft" || slices.Contains(to, next.kind) {
				s.to, s.running = next.at, false
				break
			}
		}
		spans = append(spans, s)
	}
	return spans
}

// total returns the milliseconds of the spans that have ended.
func total(spans []span) (sum int64) {
	for _, s := range spans {
		if !s.running {
			sum += s.to - s.from
		}
	}
	return sum
}

// since returns the start of the running span.
func since(spans []span) string {
	for _, s := range spans {
		if s.running {
			return strconv.FormatInt(s.from, 10)
		}
	}
	return "-"
}

func onlyIf(condition bool, value any) string {
	if condition {
		return fmt.Sprint(value)
	}
	return "-"
}

// lines has a line for each row.
type lines []string

func (l *lines) add(values ...any) {
	var text []string
	for _, v := range values {
		text = append(text, fmt.Sprint(v))
	}
	*l = append(*l, strings.Join(text, "|"))
}

func naiveSessionRows(all []naiveSession) (rows lines) {
	for _, o := range all {
		rows.add(o.id, o.study, o.starter, o.from, onlyIf(o.ended, o.to), onlyIf(o.ended, o.reason), o.position)
	}
	return rows
}

func naiveParticipantRows(all []naiveSession) (rows lines) {
	for _, o := range all {
		for n, v := range o.participants {
			row := []any{o.id, v.user, v.id, n, v.first, onlyIf(!v.inCall, v.left), v.last}
			for _, spans := range v.spans {
				row = append(row, total(spans), since(spans))
			}
			rows.add(row...)
		}
	}
	return rows
}

// past returns the ended sessions by study, in the order of their starts.
func past(all []naiveSession) map[string][]naiveSession {
	over := map[string][]naiveSession{}
	for _, o := range all {
		if o.ended {
			over[o.study] = append(over[o.study], o)
		}
	}
	for _, sessions := range over {
		slices.SortStableFunc(sessions, func(a, b naiveSession) int { return cmp.Compare(a.from, b.from) })
	}
	return over
}

func naiveHistory(all []naiveSession) (rows lines) {
	for study, sessions := range past(all) {
		for n, o := range sessions {
			var ids, users, present []string
			for _, v := range o.participants {
				ids, users, present = append(ids, v.id), append(users, v.user), append(present, strconv.FormatInt(total(v.spans[0]), 10))
			}
			rows.add(o.id, study, n+1, o.starter, o.from, o.to, strings.Join(ids, ","), strings.Join(users, ","),
				strings.Join(present, ","), o.position)
		}
	}
	return rows
}

// group returns the values by key.
func group[K comparable, V any](values []V, key func(V) K) map[K][]V {
	groups := map[K][]V{}
	for _, v := range values {
		groups[key(v)] = append(groups[key(v)], v)
	}
	return groups
}

// attended is a participant with an ended session.
type attended struct {
	naiveSession
	naiveParticipant
}

func attendedOf(all []naiveSession) (list []attended) {
	for _, sessions := range past(all) {
		for _, o := range sessions {
			for _, v := range o.participants {
				list = append(list, attended{o, v})
			}
		}
	}
	return list
}

func naiveTotals(all []naiveSession) (rows lines) {
	for key, list := range group(attendedOf(all), func(a attended) [2]string { return [2]string{a.study, a.user} }) {
		var sums [4]int64
		for _, a := range list {
			for i, spans := range a.spans {
				sums[i] += total(spans)
			}
		}
		first := slices.MinFunc(list, func(a, b attended) int { return cmp.Compare(a.first, b.first) }).first
		left := slices.MaxFunc(list, func(a, b attended) int { return cmp.Compare(a.left, b.left) }).left
		rows.add(key[0], key[1], len(list), sums[0], sums[1], sums[2], sums[3], first, left, latest(list))
	}
	return rows
}

func latest(list []attended) (position int64) {
	for _, a := range list {
		position = max(position, a.position)
	}
	return position
}

// dateOf returns the calendar day of a time.
func dateOf(ms int64, zone *time.Location) string {
	return time.UnixMilli(ms).In(zone).Format(time.DateOnly)
}

func naiveDays(all []naiveSession, zone *time.Location) (rows lines) {
	for study, sessions := range past(all) {
		for date, list := range group(sessions, func(o naiveSession) string { return dateOf(o.from, zone) }) {
			participants, length, position := 0, int64(0), int64(0)
			for _, o := range list {
				participants, length, position = participants+len(o.participants), length+o.to-o.from, max(position, o.position)
			}
			rows.add(study, date, len(list), participants, length, position)
		}
	}
	return rows
}

func naiveUserDays(all []naiveSession, zone *time.Location) (rows lines) {
	key := func(a attended) [3]string { return [3]string{a.study, dateOf(a.from, zone), a.user} }
	for key, list := range group(attendedOf(all), key) {
		sum := int64(0)
		for _, a := range list {
			sum += total(a.spans[0])
		}
		rows.add(key[0], key[1], key[2], len(list), sum, latest(list))
	}
	return rows
}

// TestNaiveCalculation checks the naive calculation with a case calculated by hand. Lee is disconnected at 70, which is recorded
// after 90. Kim mutes at 20, leaves at 50, and is unmuted when rejoining at 60.
func TestNaiveCalculation(t *testing.T) {
	t.Parallel()
	late := time.Date(2025, 11, 19, 14, 59, 59, 0, time.UTC).UnixMilli() // a second before midnight in Seoul
	position := int64(0)
	of := func(session, kind, user string, second int64) fact {
		position++
		data := map[string]string{"userId": user}
		if kind == "ParticipantJoined" {
			data["participantId"] = "p-" + user
		}
		return fact{position, "a", session, kind, data, late + second*1000}
	}
	all := naiveSessionsOf([]fact{
		of("s1", "SessionStarted", "kim", 0), of("s1", "ParticipantJoined", "kim", 10), of("s1", "AudioMuted", "kim", 20),
		of("s1", "ParticipantJoined", "lee", 30), of("s1", "ParticipantLeft", "kim", 50), of("s1", "ParticipantJoined", "kim", 60),
		of("s1", "VideoTurnedOff", "kim", 65), of("s1", "VideoTurnedOn", "kim", 66), of("s1", "ParticipantLeft", "kim", 90),
		of("s1", "ParticipantLeft", "lee", 70), of("s1", "SessionEnded", "", 90),
		of("s2", "SessionStarted", "lee", 100), of("s2", "ParticipantJoined", "lee", 101), of("s2", "AudioMuted", "lee", 102),
	})
	ms := func(second int64) int64 { return late + second*1000 }
	for _, c := range []struct {
		name      string
		got, want lines
	}{
		{"sessions", naiveSessionRows(all), lines{fmt.Sprintf("s1|a|kim|%d|%d||11", ms(0), ms(90)), fmt.Sprintf("s2|a|lee|%d|-|-|14", ms(100))}},
		{"participants", naiveParticipantRows(all), lines{
			fmt.Sprintf("s1|kim|p-kim|0|%d|%d|%d|70000|-|30000|-|1000|-|0|-", ms(10), ms(90), ms(90)),
			fmt.Sprintf("s1|lee|p-lee|1|%d|%d|%d|40000|-|0|-|0|-|0|-", ms(30), ms(70), ms(70)),
			fmt.Sprintf("s2|lee|p-lee|0|%d|-|%d|0|%d|0|%d|0|-|0|-", ms(101), ms(102), ms(101), ms(102))}},
		{"history", naiveHistory(all), lines{fmt.Sprintf("s1|a|1|kim|%d|%d|p-kim,p-lee|kim,lee|70000,40000|11", ms(0), ms(90))}},
		{"totals", naiveTotals(all), lines{fmt.Sprintf("a|kim|1|70000|30000|1000|0|%d|%d|11", ms(10), ms(90)),
			fmt.Sprintf("a|lee|1|40000|0|0|0|%d|%d|11", ms(30), ms(70))}},
		{"days", naiveDays(all, seoul(t)), lines{"a|2025-11-19|1|2|90000|11"}},
		{"user days", naiveUserDays(all, time.UTC), lines{"a|2025-11-19|kim|1|70000|11", "a|2025-11-19|lee|1|40000|11"}},
	} {
		if d := lineDiff(c.got, c.want); d != "" {
			t.Errorf("%s:\n%s", c.name, d)
		}
	}
}
