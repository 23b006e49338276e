package presence_test

import (
	"testing"
	"time"

	"github.com/studycall/studycall/check"
)

// The logs of 50 studies cannot be read, as after a downgrade of the program. That keeps no user of another study in the call.
func TestALeaveThatFailsDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	s := newServer(t, 100*time.Millisecond)
	_, err := s.pool.Exec(t.Context(), `
		select from append_events(array(select 'call-bad-' || n from generate_series(1, 50) n), array_fill(0::bigint, '{50}'),
			array(select generate_series(1, 50)), array_fill('s'::text, '{50}'), array_fill('FromTheFuture'::text, '{50}'),
			array_fill(1::smallint, '{50}'), array_fill('{}'::text, '{50}'), array_fill(now(), '{50}'))`)
	check.NoError(t, err)
	_, err = s.pool.Exec(t.Context(), `
		insert into connections (study_id, user_id, socket_id, kind, server_id, session_id, seen_at, lost_at, lapses_at)
		select 'bad-' || n, 'lee', '', 'rest', '', 's', now(), now(), now() from generate_series(1, 50) n`)
	check.NoError(t, err)
	s.join("a")
	check.NoError(t, s.Lose(t.Context(), lease("a"), time.Now()))

	s.run()

	check.Eventually(t, "kim is out", func() bool { return !s.inCall() })
}
