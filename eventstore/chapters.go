package eventstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// "order by … limit 1" instead of max(), as in loadSQL. "offset 0" makes each session one range of the index: otherwise the
// planner may join with whole streams. The schema is named because a projection's tables may come first in the search path.
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

// Chapters reads, for each of the given events, its chapter from the SessionStarted up to that event, in a transaction of the
// caller. The chapters come one after the other, in the order of the given events.
func Chapters(ctx context.Context, tx pgx.Tx, endings []Recorded) ([]Recorded, error) {
	if len(endings) == 0 {
		return nil, nil
	}
	streams, versions := make([]string, len(endings)), make([]int64, len(endings))
	for i, e := range endings {
		streams[i], versions[i] = e.Stream, e.Version
	}
	return read(ctx, tx, endings[0].types, fmt.Sprintf("read %d sessions", len(endings)), chaptersSQL, streams, versions)
}
