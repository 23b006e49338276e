-- The log: the source of truth about calls. Every other table that queries read can be dropped and rebuilt from the log.

-- +goose Up
create table events (
    position    bigint      not null primary key,  -- 1, 2, 3 … over the whole log, in commit order, without gaps
    stream_id   text        not null,              -- 'call-{studyId}'
    version     bigint      not null,              -- 1, 2, 3 … within the stream
    session_id  text        not null,              -- the event's session; a session is a chapter of the stream
    type        text        not null,              -- the event's frozen name
    schema      smallint    not null,              -- version of the shape of data; upcasters convert older versions
    data        json        not null,              -- json, not jsonb: no query looks inside, and json is faster to read
    occurred_at timestamptz not null,              -- business time, in whole milliseconds
    recorded_at timestamptz not null default clock_timestamp(),
    constraint events_stream_version_key unique (stream_id, version)
);

-- Find the start of a stream's latest chapter, and the stream of a session.
create index events_chapters on events (stream_id, version) where type = 'SessionStarted';
create unique index events_session_id_key on events (session_id) where type = 'SessionStarted';

-- +goose StatementBegin
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the log is append-only: % on % is refused', tg_op, tg_table_name
        using errcode = 'restrict_violation';
end
$$;
-- +goose StatementEnd

create trigger events_are_immutable before update or delete or truncate on events
    for each statement execute function refuse_change();

-- The head row: an append locks the row until its commit, so positions are in commit order. The row stores no number: the
-- next position is one more than the last event's. Every append would update a counter, and one long-lived snapshot anywhere
-- in the server would keep all dead versions of the row, which the next append must pass (measured: three times slower after
-- 45,000 appends, and growing). A lock creates no dead versions.
create table log_head (
    only_row boolean primary key default true check (only_row)
);
insert into log_head default values;

-- Appends the events of a batch of commands in one transaction and one round trip. Each command has a different stream.
-- Command i appends to streams[i], which must be at version expected[i] (0: the stream must not exist). Event k belongs to
-- command commands[k]. Returns one row per command: the stream's version before the append, and the position of the first
-- appended event. The position is null if the version was not the expected one; nothing is then appended for the command.
-- +goose StatementBegin
create function append_events(
    streams text[], expected bigint[],
    commands int[], sessions text[], types text[], schemas smallint[], datas text[], occurred timestamptz[]
) returns table (command bigint, stream_version bigint, first_position bigint)
language plpgsql as $$
declare
    head bigint;
begin
    perform from log_head for update;
    -- A separate statement after the lock: its snapshot includes everything that the previous holder of the lock committed.
    select coalesce(max(position), 0) into head from events;

    return query
    with checked as materialized (
        select c.ord, c.stream, c.expected, coalesce(
            (select e.version from events e where e.stream_id = c.stream order by e.version desc limit 1), 0) as current
        from unnest(streams, expected) with ordinality as c (stream, expected, ord)
    ), appended as (
        insert into events (position, stream_id, version, session_id, type, schema, data, occurred_at)
        select head + row_number() over (order by n.ord), c.stream,
               c.current + row_number() over (partition by c.ord order by n.ord),
               n.session, n.type, n.schema, n.data::json, n.occurred
        from unnest(commands, sessions, types, schemas, datas, occurred)
             with ordinality as n (command, session, type, schema, data, occurred, ord)
        join checked c on c.ord = n.command and c.current = c.expected
        returning position, stream_id
    ), notified as (
        -- Wakes other servers. One notification per batch; its payload is the new head position only.
        select pg_notify('studycall_log', max(a.position)::text) from appended a having count(*) > 0
    )
    select c.ord, c.current, (select min(a.position) from appended a where a.stream_id = c.stream)
    from checked c left join notified on true
    order by c.ord;
end
$$;
-- +goose StatementEnd
