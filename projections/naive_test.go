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
)

// This file calculates the tables a second time, in another way: from the plain rows of the log, with lists of intervals,
// sorting and sums, and days as formatted dates. It shares no code with the domain's fold or the projections.

// fact is a row of the log.
type fact struct {
	position             int64
	study, session, kind string
	data                 map[string]string
	at                   int64 // milliseconds
}

// factsOf reads the log's rows of some studies, in order.
func (h *house) factsOf(studies []string) []fact {
	h.t.Helper()
	rows, err := h.pool.Query(h.t.Context(), `select position, substr(stream_id, 6), session_id, type, data::text,
		(extract(epoch from occurred_at) * 1000)::bigint from events
		where stream_id = any(select 'call-' || s from unnest($1::text[]) s) order by position`, studies)
	h.then(err)
	facts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (fact, error) {
		var f fact
		var data string
		if err := row.Scan(&f.position, &f.study, &f.session, &f.kind, &data, &f.at); err != nil {
			return f, err
		}
		return f, json.Unmarshal([]byte(data), &f.data)
	})
	h.then(err)
	return facts
}

// span is from one time to another; one that goes on has no end.
type span struct {
	from, to int64
	goesOn   bool
}

// visit is what one user did in one session.
type visit struct {
	id, user    string
	first, last int64 // business times of the first and the latest fact
	left        int64 // of the latest leave
	in          bool
	spans       [4][]span // present, muted, camera off, sharing
}

// occasion is one session.
type occasion struct {
	study, id, starter, reason string
	from, to                   int64
	over                       bool
	position                   int64 // of the latest fact
	visits                     []visit
}

// occasionsOf are the sessions in the facts, in order.
func occasionsOf(facts []fact) []occasion {
	var ids []string
	bySession := map[string][]fact{}
	for _, f := range facts {
		if bySession[f.session] == nil {
			ids = append(ids, f.session)
		}
		bySession[f.session] = append(bySession[f.session], f)
	}
	var all []occasion
	for _, id := range ids {
		all = append(all, occasionOf(id, bySession[id]))
	}
	return all
}

func occasionOf(id string, facts []fact) occasion {
	o := occasion{study: facts[0].study, id: id, position: facts[len(facts)-1].position}
	var users []string
	for _, f := range facts {
		switch f.kind {
		case "SessionStarted": // who started it was written under two keys over the years
			o.starter, o.from = cmp.Or(f.data["userId"], f.data["startedBy"]), f.at
		case "SessionEnded":
			o.to, o.over, o.reason = f.at, true, f.data["reason"]
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
		o.visits = append(o.visits, visitOf(user, own))
	}
	return o
}

func visitOf(user string, facts []fact) visit {
	v := visit{id: facts[0].data["participantId"], user: user, first: facts[0].at, last: facts[len(facts)-1].at, in: true}
	for _, f := range facts {
		switch f.kind {
		case "ParticipantLeft":
			v.left, v.in = f.at, false
		case "ParticipantJoined":
			v.in = true
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

// spansOf gives an interval for each fact of a kind, to the next fact that ends it, as any leave does.
func spansOf(facts []fact, from string, to ...string) []span {
	var spans []span
	for i, f := range facts {
		if f.kind != from {
			continue
		}
		s := span{from: f.at, goesOn: true}
		for _, next := range facts[i+1:] {
			if next.kind == "ParticipantLeft" || slices.Contains(to, next.kind) {
				s.to, s.goesOn = next.at, false
				break
			}
		}
		spans = append(spans, s)
	}
	return spans
}

// total is the milliseconds of the spans that are over.
func total(spans []span) (sum int64) {
	for _, s := range spans {
		if !s.goesOn {
			sum += s.to - s.from
		}
	}
	return sum
}

// since is the beginning of the span that goes on.
func since(spans []span) string {
	for _, s := range spans {
		if s.goesOn {
			return strconv.FormatInt(s.from, 10)
		}
	}
	return "-"
}

func onlyIf(is bool, value any) string {
	if is {
		return fmt.Sprint(value)
	}
	return "-"
}

// lines makes one line of each row's values.
type lines []string

func (l *lines) add(values ...any) {
	var text []string
	for _, v := range values {
		text = append(text, fmt.Sprint(v))
	}
	*l = append(*l, strings.Join(text, "|"))
}

func naiveSessions(all []occasion) (rows lines) {
	for _, o := range all {
		rows.add(o.id, o.study, o.starter, o.from, onlyIf(o.over, o.to), onlyIf(o.over, o.reason), o.position)
	}
	return rows
}

func naiveParticipants(all []occasion) (rows lines) {
	for _, o := range all {
		for n, v := range o.visits {
			row := []any{o.id, v.user, v.id, n, v.first, onlyIf(!v.in, v.left), v.last}
			for _, spans := range v.spans {
				row = append(row, total(spans), since(spans))
			}
			rows.add(row...)
		}
	}
	return rows
}

// past are the sessions that are over, by study, in the order of their starts.
func past(all []occasion) map[string][]occasion {
	over := map[string][]occasion{}
	for _, o := range all {
		if o.over {
			over[o.study] = append(over[o.study], o)
		}
	}
	for _, sessions := range over {
		slices.SortStableFunc(sessions, func(a, b occasion) int { return cmp.Compare(a.from, b.from) })
	}
	return over
}

func naiveHistory(all []occasion) (rows lines) {
	for study, sessions := range past(all) {
		for n, o := range sessions {
			var ids, users, present []string
			for _, v := range o.visits {
				ids, users, present = append(ids, v.id), append(users, v.user), append(present, strconv.FormatInt(total(v.spans[0]), 10))
			}
			rows.add(o.id, study, n+1, o.starter, o.from, o.to, strings.Join(ids, ","), strings.Join(users, ","),
				strings.Join(present, ","), o.position)
		}
	}
	return rows
}

// group collects what belongs together.
func group[K comparable, V any](values []V, key func(V) K) map[K][]V {
	groups := map[K][]V{}
	for _, v := range values {
		groups[key(v)] = append(groups[key(v)], v)
	}
	return groups
}

// attended is a visit to a session that is over.
type attended struct {
	occasion
	visit
}

func attendedOf(all []occasion) (list []attended) {
	for _, sessions := range past(all) {
		for _, o := range sessions {
			for _, v := range o.visits {
				list = append(list, attended{o, v})
			}
		}
	}
	return list
}

func naiveTotals(all []occasion) (rows lines) {
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

// dateOf is the calendar day of a time.
func dateOf(ms int64, zone *time.Location) string {
	return time.UnixMilli(ms).In(zone).Format(time.DateOnly)
}

func naiveDays(all []occasion, zone *time.Location) (rows lines) {
	for study, sessions := range past(all) {
		for date, list := range group(sessions, func(o occasion) string { return dateOf(o.from, zone) }) {
			visits, length, position := 0, int64(0), int64(0)
			for _, o := range list {
				visits, length, position = visits+len(o.visits), length+o.to-o.from, max(position, o.position)
			}
			rows.add(study, date, len(list), visits, length, position)
		}
	}
	return rows
}

func naiveUserDays(all []occasion, zone *time.Location) (rows lines) {
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

// TestNaive: the naive calculation itself, on a case worked out by hand. Lee drops off at 70, which is recorded at 95;
// kim mutes at 20, leaves at 50, and is not muted any more when back at 60.
func TestNaive(t *testing.T) {
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
	all := occasionsOf([]fact{
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
		{"sessions", naiveSessions(all), lines{fmt.Sprintf("s1|a|kim|%d|%d||11", ms(0), ms(90)), fmt.Sprintf("s2|a|lee|%d|-|-|14", ms(100))}},
		{"participants", naiveParticipants(all), lines{
			fmt.Sprintf("s1|kim|p-kim|0|%d|%d|%d|70000|-|30000|-|1000|-|0|-", ms(10), ms(90), ms(90)),
			fmt.Sprintf("s1|lee|p-lee|1|%d|%d|%d|40000|-|0|-|0|-|0|-", ms(30), ms(70), ms(70)),
			fmt.Sprintf("s2|lee|p-lee|0|%d|-|%d|0|%d|0|%d|0|-|0|-", ms(101), ms(102), ms(101), ms(102))}},
		{"history", naiveHistory(all), lines{fmt.Sprintf("s1|a|1|kim|%d|%d|p-kim,p-lee|kim,lee|70000,40000|11", ms(0), ms(90))}},
		{"totals", naiveTotals(all), lines{fmt.Sprintf("a|kim|1|70000|30000|1000|0|%d|%d|11", ms(10), ms(90)),
			fmt.Sprintf("a|lee|1|40000|0|0|0|%d|%d|11", ms(30), ms(70))}},
		{"days", naiveDays(all, seoul(t)), lines{"a|2025-11-19|1|2|90000|11"}},
		{"user days", naiveUserDays(all, time.UTC), lines{"a|2025-11-19|kim|1|70000|11", "a|2025-11-19|lee|1|40000|11"}},
	} {
		if d := unlike(c.got, c.want); d != "" {
			t.Errorf("%s:\n%s", c.name, d)
		}
	}
}
