-- Every statement that derives from the columns of a table. Written by `task golden`.


-- sessions.sessions

create table sessions (id text not null, study_id text not null, started_by text not null,
    started_at timestamptz not null, ended_at timestamptz, end_reason text, position bigint not null);

alter table sessions add primary key (id);

select id, study_id, started_by, started_at, ended_at, end_reason, position from sessions where id = any($1);

insert into sessions (id, study_id, started_by, started_at, ended_at, end_reason, position)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::bigint[])
on conflict (id) do update set ended_at = excluded.ended_at, end_reason = excluded.end_reason,
    position = excluded.position;

copy sessions (id, study_id, started_by, started_at, ended_at, end_reason, position) from stdin (format binary);


-- sessions.participants

create table participants (session_id text not null, user_id text not null, id text not null, ordinal int not null,
    joined_at timestamptz not null, left_at timestamptz, last_at timestamptz not null, present_ms bigint not null,
    present_since timestamptz, muted_ms bigint not null, muted_since timestamptz, camera_off_ms bigint not null,
    camera_off_since timestamptz, sharing_ms bigint not null, sharing_since timestamptz) with (fillfactor = 80);

alter table participants add primary key (session_id, user_id);

select session_id, user_id, id, ordinal, joined_at, left_at, last_at, present_ms, present_since, muted_ms, muted_since,
    camera_off_ms, camera_off_since, sharing_ms,
    sharing_since from participants where session_id = any($1) order by session_id, ordinal;

insert into participants (session_id, user_id, id, ordinal, joined_at, left_at, last_at, present_ms, present_since,
    muted_ms, muted_since, camera_off_ms, camera_off_since, sharing_ms, sharing_since)
select * from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::timestamptz[], $6::timestamptz[],
    $7::timestamptz[], $8::bigint[], $9::timestamptz[], $10::bigint[], $11::timestamptz[], $12::bigint[],
    $13::timestamptz[], $14::bigint[], $15::timestamptz[])
on conflict (session_id, user_id) do update set left_at = excluded.left_at, last_at = excluded.last_at,
    present_ms = excluded.present_ms, present_since = excluded.present_since, muted_ms = excluded.muted_ms,
    muted_since = excluded.muted_since, camera_off_ms = excluded.camera_off_ms,
    camera_off_since = excluded.camera_off_since, sharing_ms = excluded.sharing_ms,
    sharing_since = excluded.sharing_since;

copy participants (session_id, user_id, id, ordinal, joined_at, left_at, last_at, present_ms, present_since, muted_ms,
    muted_since, camera_off_ms, camera_off_since, sharing_ms, sharing_since) from stdin (format binary);


-- Queries of sessions: a study's open session, one session, and all open sessions

select c.position,
	coalesce((select e.position from events e where e.stream_id = $3 order by e.version desc limit 1), 0),
	s.id, s.study_id, s.started_by, s.started_at, s.ended_at, s.end_reason, s.position,
	p.session_id, p.user_id, p.id, p.ordinal, p.joined_at, p.left_at, p.last_at, p.present_ms, p.present_since,
    p.muted_ms, p.muted_since, p.camera_off_ms, p.camera_off_since, p.sharing_ms, p.sharing_since
from checkpoints c
left join sessions.sessions s on s.study_id = $2 and s.ended_at is null
left join sessions.participants p on p.session_id = s.id
where c.name = $1
order by p.ordinal;

select c.position,
	coalesce((select e.position from events e where e.stream_id = $3 order by e.version desc limit 1), 0),
	s.id, s.study_id, s.started_by, s.started_at, s.ended_at, s.end_reason, s.position,
	p.session_id, p.user_id, p.id, p.ordinal, p.joined_at, p.left_at, p.last_at, p.present_ms, p.present_since,
    p.muted_ms, p.muted_since, p.camera_off_ms, p.camera_off_since, p.sharing_ms, p.sharing_since
from checkpoints c
left join sessions.sessions s on s.study_id = $2 and s.id = $4
left join sessions.participants p on p.session_id = s.id
where c.name = $1
order by p.ordinal;

select c.position,
	s.id, s.study_id, s.started_by, s.started_at, s.ended_at, s.end_reason, s.position,
	p.session_id, p.user_id, p.id, p.ordinal, p.joined_at, p.left_at, p.last_at, p.present_ms, p.present_since,
    p.muted_ms, p.muted_since, p.camera_off_ms, p.camera_off_since, p.sharing_ms, p.sharing_since
from checkpoints c
left join sessions.sessions s on s.ended_at is null
left join lateral (select * from sessions.participants where session_id = s.id offset 0) p on true
where c.name = $1
order by s.study_id, p.ordinal;


-- history.sessions

create table sessions (session_id text not null, study_id text not null, number bigint not null,
    started_by text not null, started_at timestamptz not null, ended_at timestamptz not null,
    participant_ids text[] not null, user_ids text[] not null, present_ms bigint[] not null, position bigint not null);

alter table sessions add primary key (session_id);

insert into sessions (session_id, study_id, number, started_by, started_at, ended_at, participant_ids, user_ids,
    present_ms, position)
values ($1, $2, $3 + coalesce((select s.number from sessions s where s.study_id = $2 order by s.number desc limit 1),
    0), $4, $5, $6, $7, $8, $9, $10)
on conflict (session_id) do nothing;

copy sessions (session_id, study_id, number, started_by, started_at, ended_at, participant_ids, user_ids, present_ms,
    position) from stdin (format binary);


-- Query of history

with bounds as materialized (
	select coalesce((
		select s.number from history.sessions s
		where s.study_id = $2 and s.started_at >= coalesce($3::timestamptz, '-infinity')
		order by s.started_at, s.number limit 1), 9223372036854775807) as first,
	coalesce((
		select s.number from history.sessions s
		where s.study_id = $2 and s.started_at < coalesce($4::timestamptz, 'infinity')
		order by s.started_at desc, s.number desc limit 1), 0) as last
)
select c.position, greatest(b.last - b.first + 1, 0),
	s.session_id, s.study_id, s.number, s.started_by, s.started_at, s.ended_at, s.participant_ids, s.user_ids,
    s.present_ms, s.position
from checkpoints c
cross join bounds b
left join history.sessions s on s.study_id = $2
	and s.number between greatest(b.first, b.last - $5::bigint - $6::bigint + 1) and b.last - $5::bigint
where c.name = $1
order by s.number desc;


-- user_stats.totals

create table totals (study_id text not null, user_id text not null, sessions bigint not null,
    present_ms bigint not null, muted_ms bigint not null, camera_off_ms bigint not null, sharing_ms bigint not null,
    first_joined_at timestamptz not null, last_left_at timestamptz not null,
    position bigint not null) with (fillfactor = 80);

alter table totals add primary key (study_id, user_id);

insert into totals as total (study_id, user_id, sessions, present_ms, muted_ms, camera_off_ms, sharing_ms,
    first_joined_at, last_left_at, position)
select new.study_id, new.user_id, sum(new.sessions)::bigint, sum(new.present_ms)::bigint, sum(new.muted_ms)::bigint,
    sum(new.camera_off_ms)::bigint, sum(new.sharing_ms)::bigint, min(new.first_joined_at), max(new.last_left_at),
    max(new.position)
from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::timestamptz[], $9::timestamptz[], $10::bigint[]) as new (study_id, user_id, sessions, present_ms, muted_ms,
    camera_off_ms, sharing_ms, first_joined_at, last_left_at, position)
left join totals as old using (study_id, user_id)
where new.position > coalesce(old.position, 0)
group by new.study_id, new.user_id
on conflict (study_id, user_id) do update set sessions = total.sessions + excluded.sessions,
    present_ms = total.present_ms + excluded.present_ms, muted_ms = total.muted_ms + excluded.muted_ms,
    camera_off_ms = total.camera_off_ms + excluded.camera_off_ms, sharing_ms = total.sharing_ms + excluded.sharing_ms,
    first_joined_at = least(total.first_joined_at, excluded.first_joined_at),
    last_left_at = greatest(total.last_left_at, excluded.last_left_at), position = greatest(total.position,
    excluded.position);

copy totals (study_id, user_id, sessions, present_ms, muted_ms, camera_off_ms, sharing_ms, first_joined_at,
    last_left_at, position) from stdin (format binary);


-- Query of user_stats

select c.position,
	t.study_id, t.user_id, t.sessions, t.present_ms, t.muted_ms, t.camera_off_ms, t.sharing_ms, t.first_joined_at,
    t.last_left_at, t.position
from checkpoints c
left join user_stats.totals t on t.study_id = $2 and t.user_id = $3
where c.name = $1;


-- study_stats.days

create table days (study_id text not null, day date not null, sessions bigint not null, participants bigint not null,
    duration_ms bigint not null, position bigint not null) with (fillfactor = 80);

alter table days add primary key (study_id, day);

insert into days as total (study_id, day, sessions, participants, duration_ms, position)
select new.study_id, new.day, sum(new.sessions)::bigint, sum(new.participants)::bigint, sum(new.duration_ms)::bigint,
    max(new.position)
from unnest($1::text[], $2::date[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) as new (study_id, day,
    sessions, participants, duration_ms, position)
left join days as old using (study_id, day)
where new.position > coalesce(old.position, 0)
group by new.study_id, new.day
on conflict (study_id, day) do update set sessions = total.sessions + excluded.sessions,
    participants = total.participants + excluded.participants, duration_ms = total.duration_ms + excluded.duration_ms,
    position = greatest(total.position, excluded.position);

copy days (study_id, day, sessions, participants, duration_ms, position) from stdin (format binary);


-- study_stats.user_days

create table user_days (study_id text not null, day date not null, user_id text not null, sessions bigint not null,
    present_ms bigint not null, position bigint not null) with (fillfactor = 80);

alter table user_days add primary key (study_id, day, user_id);

insert into user_days as total (study_id, day, user_id, sessions, present_ms, position)
select new.study_id, new.day, new.user_id, sum(new.sessions)::bigint, sum(new.present_ms)::bigint, max(new.position)
from unnest($1::text[], $2::date[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[]) as new (study_id, day,
    user_id, sessions, present_ms, position)
left join user_days as old using (study_id, day, user_id)
where new.position > coalesce(old.position, 0)
group by new.study_id, new.day, new.user_id
on conflict (study_id, day, user_id) do update set sessions = total.sessions + excluded.sessions,
    present_ms = total.present_ms + excluded.present_ms, position = greatest(total.position, excluded.position);

copy user_days (study_id, day, user_id, sessions, present_ms, position) from stdin (format binary);
