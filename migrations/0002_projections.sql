-- How far each projection has folded the log. Each projection's tables are in a schema of the projection's name. Package
-- projections creates, replaces and drops these schemas.

-- +goose Up
create table checkpoints (
    name       text        not null primary key,  -- the projection's name and the version of its tables
    position   bigint      not null default 0,    -- the position of the last folded event
    error      text,                              -- why the next event could not be folded; null: no error
    updated_at timestamptz not null default now()
) with (fillfactor = 50);                         -- every slice updates the row: free space keeps the update on its page
