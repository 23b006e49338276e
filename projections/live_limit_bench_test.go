package projections_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/eventstore"
)

// finalTable is a table after the whole log is folded.
type finalTable struct {
	name, key string
	upsert    string
	rows      map[string][]any // by the key's columns, joined by "|"
}

// upsert writes a row.
type upsert struct {
	sql  string
	args []any
}

// readFinal reads all tables: those of the sessions projection, then history's and the statistics'.
func readFinal(b *testing.B, pool *pgxpool.Pool) []finalTable {
	b.Helper()
	tables := []finalTable{
		{name: "sessions.sessions", key: "id"}, {name: "sessions.participants", key: "session_id, user_id"},
		{name: "history.sessions", key: "session_id"}, {name: "user_stats.totals", key: "study_id, user_id"},
		{name: "study_stats.days", key: "study_id, day"}, {name: "study_stats.user_days", key: "study_id, day, user_id"},
	}
	for i := range tables {
		t := &tables[i]
		t.rows = map[string][]any{}
		rows, err := pool.Query(b.Context(), `select concat_ws('|', `+t.key+`), t.* from `+t.name+` t`)
		check.NoError(b, err)
		var columns, values, changes []string
		for n, field := range rows.FieldDescriptions()[1:] {
			columns = append(columns, field.Name)
			values = append(values, fmt.Sprintf("$%d", n+1))
			changes = append(changes, field.Name+" = excluded."+field.Name)
		}
		t.upsert = fmt.Sprintf("insert into %s (%s) values (%s) on conflict (%s) do update set %s", t.name,
			strings.Join(columns, ", "), strings.Join(values, ", "), t.key, strings.Join(changes, ", "))
		for rows.Next() {
			row, err := rows.Values()
			check.NoError(b, err)
			t.rows[row[0].(string)] = row[1:]
		}
		if rows.Err() != nil {
			b.Fatal(rows.Err())
		}
	}
	return tables
}

// touched returns, for each slice of the log, the upserts of the rows that it changes in some tables.
func touched(b *testing.B, store *eventstore.Store, final, in []finalTable) [][]upsert {
	b.Helper()
	var all [][]upsert
	for after := int64(0); ; after += liveSlice {
		events, err := store.ReadAll(b.Context(), after, liveSlice)
		check.NoError(b, err)
		if len(events) == 0 {
			return all
		}
		var writes []upsert
		seen := map[string]bool{}
		for _, e := range events {
			for i, keys := range keysOf(b, e, final) {
				for _, key := range keys {
					if id := fmt.Sprint(i, key); i < len(in) && !seen[id] {
						seen[id] = true
						writes = append(writes, upsert{in[i].upsert, in[i].rows[key]})
					}
				}
			}
		}
		all = append(all, writes)
	}
}

// keysOf returns the keys of the rows that an event changes, by table.
func keysOf(b *testing.B, e eventstore.Recorded, final []finalTable) [6][]string {
	b.Helper()
	keys := [6][]string{{e.Session}}
	var user struct{ UserID string }
	check.NoError(b, json.Unmarshal(e.Data, &user))
	switch e.Type {
	case "SessionStarted":
	case "SessionEnded":
		past := final[2].rows[e.Session]
		day := past[4].(time.Time).In(seoul(b)).Format(time.DateOnly)
		keys[2], keys[4] = []string{e.Session}, []string{e.Study() + "|" + day}
		for _, id := range past[7].([]any) {
			keys[3] = append(keys[3], fmt.Sprintf("%s|%s", e.Study(), id))
			keys[5] = append(keys[5], fmt.Sprintf("%s|%s|%s", e.Study(), day, id))
		}
	default:
		keys[1] = []string{e.Session + "|" + user.UserID}
	}
	return keys
}

// writeAll returns how long writing takes: a transaction for each slice, with asynchronous commit as in a fold.
func writeAll(b *testing.B, pool *pgxpool.Pool, slices [][]upsert) time.Duration {
	b.Helper()
	began := time.Now()
	for _, writes := range slices {
		check.NoError(b, writeSlice(b.Context(), pool, writes))
	}
	return time.Since(began)
}

func writeSlice(ctx context.Context, pool *pgxpool.Pool, writes []upsert) error {
	tx, err := pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: `begin; set local synchronous_commit = off`})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // no effect after the commit
	batch := &pgx.Batch{}
	for _, w := range writes {
		batch.Queue(w.sql, w.args...)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// mustBeFinal fails unless the tables hold the final rows.
func mustBeFinal(b *testing.B, pool *pgxpool.Pool, want []finalTable) {
	b.Helper()
	var different []string
	for i, got := range readFinal(b, pool)[:len(want)] {
		if !reflect.DeepEqual(got.rows, want[i].rows) {
			different = append(different, got.name)
		}
	}
	if len(different) > 0 {
		b.Fatalf("the rows differ in %v", different)
	}
}
