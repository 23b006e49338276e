-- Leases: which connection keeps which user in a call. Servers keep them while connections last. See package presence.

-- +goose Up

-- One row per running server that serves sockets.
create table servers (
    server_id text        not null primary key,  -- unique for each run of the program
    last_seen timestamptz not null,              -- of the latest heartbeat, by the database's clock: finds silent servers
    said_at   timestamptz not null               -- of the latest heartbeat, by the server's clock, which also dates its joins
) with (fillfactor = 50);

-- One row per lease: one connection that keeps one user in a study's call.
create table connections (
    study_id   text        not null,
    user_id    text        not null,
    socket_id  text        not null,  -- '' for a join over REST: one such row per participant
    kind       text        not null check (kind in ('socket', 'rest')),
    server_id  text        not null,  -- '' for kind rest
    session_id text        not null,
    seen_at    timestamptz not null,  -- business time at which the user was last known to be in the call: the join, or the leave of another socket
    lost_at    timestamptz,           -- business time at which the connection was last known to be alive; null while connected
    lapses_at  timestamptz,           -- by the database's clock: end of the lease; null while connected
    check ((lost_at is null) = (lapses_at is null)),
    -- A socket may be in the calls of several studies. The key also finds the leases of one participant, and of one study.
    primary key (study_id, user_id, socket_id)
);

-- For the sweep: lapsed leases, and the leases of silent servers.
create index connections_lapsing on connections (lapses_at) where lapses_at is not null;
create index connections_by_server on connections (server_id) where lapses_at is null;
