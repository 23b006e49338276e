package eventstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// "limit 1" where max() would do, as in loadSQL; "offset 0" so that each session is one range of the index: left the
// choice, the planner may join with whole streams. The log is named in full: a projection's tables may come first.
const chaptersSQL = `
	select ` + recordedColumns + `
	from unnest($1::text[], $2::bigint[]) with ordinality as ending (stream_id, version, ord)
	cross join lateral (
		select c.version from public.events c
		where c.stream_id = ending.stream_id and c.version <= ending.version and c.type = 'SessionStarted'
		order by c.version desc limit 1) as start
	cross join lateral (
		select * from public.events
		where stream_id = ending.stream_id and version between start.version and ending.version offset 0) as e
	order by ending.ord, e.version`

// Chapters reads, for each of the given events, its session from the SessionStarted up to and with that event, in a
// transaction of the caller's: one session after the other, in the order of the endings.
func Chapters(ctx context.Context, tx pgx.Tx, endings []Recorded) ([]Recorded, error) {
	if len(endings) == 0 {
		return nil, nil
	}
	streams, versions := make([]string, len(endings)), make([]int64, len(endings))
	for i, e := range endings {
		streams[i], versions[i] = e.Stream, e.Version
	}
	rows, err := tx.Query(ctx, chaptersSQL, streams, versions)
	if err != nil {
		return nil, fmt.Errorf("read %d sessions: %w", len(endings), err)
	}
	events, err := collect(rows, endings[0].types)
	if err != nil {
		return nil, fmt.Errorf("read %d sessions: %w", len(endings), err)
	}
	return events, nil
}
