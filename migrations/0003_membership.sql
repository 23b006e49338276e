-- Studycall's own users, studies and members. Not used if the web app's tables are configured or in this database.

-- +goose Up
create table users (
    id     text not null primary key check (id <> ''),
    name   text not null,
    email  text not null,
    avatar text,                                   -- a URL; null: no avatar
    status text not null default 'ACTIVE'          -- of the account; any other value denies access
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
    primary key (study_id, user_id)                -- also finds one member
);

-- Finds a user's memberships, also when the user is deleted.
create index study_members_by_user on study_members (user_id);
