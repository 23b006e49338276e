-- Who belongs to which study, where it is not the web app's own database that says so.

-- +goose Up
create table users (
    id     text not null primary key check (id <> ''),
    name   text not null,
    email  text not null,
    avatar text,                                   -- a URL; null: none
    status text not null default 'ACTIVE'          -- of the account. Any other value keeps its user out
);

create table studies (
    id   text not null primary key check (id <> ''),
    name text not null
);

create table study_members (
    study_id text not null references studies (id) on delete cascade,
    user_id  text not null references users (id) on delete cascade,
    role     text not null default 'MEMBER' check (role in ('OWNER', 'ADMIN', 'MEMBER')),
    status   text not null default 'ACTIVE' check (status in ('ACTIVE', 'PENDING', 'KICKED', 'LEFT')),
    primary key (study_id, user_id)                -- also the look-up of one member
);

-- A user's studies, also for deleting the user.
create index study_members_by_user on study_members (user_id);
