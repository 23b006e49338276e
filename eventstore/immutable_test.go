package eventstore_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestTheLogIsAppendOnly(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	appendEvents(t, s, "call-a", 0, started("s1", "kim"), muted("s1", "lee"))
	before := wholeLog(t, s)
	for _, change := range []string{
		`update events set data = '{}'`,
		`update events set position = 3 where position = 2`,
		`update events set data = '{}' where position = 99`,
		`insert into events select * from events on conflict (position) do update set data = '{}'`,
		`delete from events`,
		`delete from events where position = 2`,
		`truncate events`,
		`truncate events cascade`,
	} {
		_, err := s.pool.Exec(t.Context(), change)
		if refused := (*pgconn.PgError)(nil); !errors.As(err, &refused) || refused.Code != "23001" {
			t.Errorf("%s: got error %v, want SQLSTATE 23001", change, err)
		}
		if after := wholeLog(t, s); !reflect.DeepEqual(after, before) {
			t.Fatalf("%s changed the log to %+v", change, after)
		}
	}
}

// Constraints refuse duplicates, even without the checks of append_events.
func TestTheLogHasNoDuplicates(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	appendEvents(t, s, "call-a", 0, started("s1", "kim"), muted("s1", "lee"))
	const insert = `insert into events (position, stream_id, version, session_id, type, schema, data, occurred_at) values `
	for name, c := range map[string]struct{ row, constraint string }{
		"the position":           {`(2, 'call-b', 1, 's', 'AudioMuted', 1, '{}', now())`, "events_pkey"},
		"the version":            {`(3, 'call-a', 2, 's', 'AudioMuted', 1, '{}', now())`, "events_stream_version_key"},
		"the start of a session": {`(3, 'call-b', 1, 's1', 'SessionStarted', 1, '{}', now())`, "events_session_id_key"},
	} {
		_, err := s.pool.Exec(t.Context(), insert+c.row)
		refused := (*pgconn.PgError)(nil)
		if !errors.As(err, &refused) || refused.Code != "23505" || refused.ConstraintName != c.constraint {
			t.Errorf("%s twice: got error %v, want a violation of %s", name, err, c.constraint)
		}
	}
	if log := wholeLog(t, s); len(log) != 2 {
		t.Errorf("the log holds %d events, want 2", len(log))
	}
}
