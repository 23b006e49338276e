-- How far each projection has folded the log. The tables themselves are the projections' own, each in a schema of its
-- name: package projections makes, replaces and drops them.

-- +goose Up
create table checkpoints (
    name       text        not null primary key,  -- of the projection and the version of its tables
    position   bigint      not null default 0,    -- of the last event that is in the tables
    error      text,                              -- why the event after it could not be folded; null: all is well
    updated_at timestamptz not null default now()
) with (fillfactor = 50);                         -- so that the update of every slice stays on its page
