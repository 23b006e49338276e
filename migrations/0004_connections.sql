-- Who is in a call by which connection: leases, kept by the servers while connections last. See package presence.

-- +goose Up

-- A server that serves sockets, while it lives.
create table servers (
    server_id text        not null primary key,  -- of one run of the program
    last_seen timestamptz not null,              -- by the database's clock: tells who is silent
    said_at   timestamptz not null               -- by the server's own clock, which also gave its joins their times
) with (fillfactor = 50);

-- One row is one connection by which a user is in a study's call.
create table connections (
    study_id   text        not null,
    user_id    text        not null,
    socket_id  text        not null,  -- '' for a participant who joined over REST: one such row per participant
    kind       text        not null check (kind in ('socket', 'rest')),
    server_id  text        not null,  -- '' for rest
    session_id text        not null,
    seen_at    timestamptz not null,  -- business time at which its user was certainly there: the join, or another socket's leave
    lost_at    timestamptz,           -- business time at which it was last heard of; null while it is connected
    lapses_at  timestamptz,           -- by the database's clock: from then on it keeps nobody in the call; null while connected
    check ((lost_at is null) = (lapses_at is null)),
    -- A socket may be in the calls of several studies. The key is also the look-up of one participant, and of a study's roster.
    primary key (study_id, user_id, socket_id)
);

-- For the sweep: what has lapsed, and what a silent server has.
create index connections_lapsing on connections (lapses_at) where lapses_at is not null;
create index connections_by_server on connections (server_id) where lapses_at is null;
