-- How far each projection has folded the log, and the tables of the first: all of it can be dropped and rebuilt.

-- +goose Up
create table checkpoints (
    name       text        not null primary key,
    position   bigint      not null default 0,   -- of the last event that is in the projection's tables
    error      text,                             -- why the event after it could not be folded; null: all is well
    updated_at timestamptz not null default now()
) with (fillfactor = 50);                        -- so that the update of every slice stays on its page

-- Every session, open and ended.
create table sessions (
    id         text        not null primary key,
    study_id   text        not null,
    started_by text        not null,
    started_at timestamptz not null,
    ended_at   timestamptz,                      -- null while it is open
    end_reason text,
    position   bigint      not null              -- of the last event that is in this row and its participants
);

-- At most one session of a study is open.
create unique index sessions_open_key on sessions (study_id) where ended_at is null;

-- One row per user and session, however often the user left and came back. A *_since is set while the stretch of time
-- goes on that will be added to its *_ms, in milliseconds.
create table session_participants (
    session_id       text        not null,
    user_id          text        not null,
    id               text        not null,
    ordinal          int         not null,       -- order of first join, from 0
    joined_at        timestamptz not null,       -- of the first stint
    left_at          timestamptz,                -- of the latest stint; null while in the call
    last_at          timestamptz not null,       -- of the latest event
    present_ms       bigint      not null,
    present_since    timestamptz,
    muted_ms         bigint      not null,
    muted_since      timestamptz,
    camera_off_ms    bigint      not null,
    camera_off_since timestamptz,
    sharing_ms       bigint      not null,
    sharing_since    timestamptz,
    primary key (session_id, user_id)
) with (fillfactor = 80);
