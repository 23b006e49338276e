package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/seed"
)

const (
	// seedWriters is how many studies are appended to at a time, and seedAppend how many events at once, at least: with
	// fewer of either, the time goes into transactions; more gain nothing (measured).
	seedWriters = 8
	seedAppend  = 1000
)

// sower puts a past into the database.
type sower struct {
	store    *eventstore.Store
	past     seed.Past
	studies  int
	progress *progress
	events   atomic.Int64 // appended so far
}

// mustBeNew refuses a past that has been appended already.
func (s *sower) mustBeNew(ctx context.Context, study seed.Study) error {
	events, err := s.store.Load(ctx, eventstore.Stream(study.ID))
	if err == nil && len(events) > 0 {
		err = s.seededError(study)
	}
	return err
}

func (s *sower) seededError(study seed.Study) error {
	return fmt.Errorf("%s has events already: the log holds a past of seed %d, and none is appended twice; choose another --seed, or an empty database",
		study.ID, s.past.Seed)
}

// append appends all sessions, of several studies at a time. When ctx ends, it returns ctx's error once what was begun is
// in the log.
func (s *sower) append(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(seedWriters)
	for n := 1; n <= s.studies; n++ {
		group.Go(func() error { return s.appendStudy(ctx, s.past.Study(n)) })
	}
	return group.Wait()
}

// appendStudy appends one study's sessions, some at a time, so that only those are in memory.
func (s *sower) appendStudy(ctx context.Context, study seed.Study) error {
	var (
		stream   = eventstore.Stream(study.ID)
		version  int64
		sessions int64
		waiting  []domain.Event
	)
	flush := func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		// Not ctx: what has been begun is finished, so that it is known what is in the log.
		_, err := s.store.Append(context.WithoutCancel(ctx), stream, version, waiting)
		if errors.Is(err, eventstore.ErrConflict) {
			return s.seededError(study)
		}
		if err != nil {
			return fmt.Errorf("append to the past of %s: %w", study.ID, err)
		}
		s.events.Add(int64(len(waiting)))
		s.progress.Add(sessions)
		version += int64(len(waiting))
		sessions, waiting = 0, waiting[:0]
		return nil
	}
	for session := range study.Sessions() {
		waiting = append(waiting, session...)
		sessions++
		if len(waiting) >= seedAppend {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	return flush()
}

const enrollSQL = `
	with study as (
		insert into studies (id, name) values ($1, $2)
		on conflict (id) do update set name = excluded.name
	), people as (
		insert into users (id, name, email, status)
		select id, name, email, 'ACTIVE' from unnest($3::text[], $4::text[], $5::text[]) as person (id, name, email)
		on conflict (id) do update set name = excluded.name, email = excluded.email, status = excluded.status
	)
	insert into study_members (study_id, user_id, role, status)
	select $1, user_id, role, status from unnest($3::text[], $6::text[], $7::text[]) as member (user_id, role, status)
	on conflict (study_id, user_id) do update set role = excluded.role, status = excluded.status`

// enroll puts the studies and their members into our own membership tables. It refuses studies that have events.
func (s *sower) enroll(ctx context.Context, tx pgx.Tx, progress *progress) error {
	for n := 1; n <= s.studies; n++ {
		study := s.past.Study(n)
		if err := s.mustBeNew(ctx, study); err != nil {
			return err
		}
		var ids, names, emails, roles, statuses []string
		for _, m := range study.Members {
			ids, names, emails = append(ids, m.UserID), append(names, m.Name), append(emails, m.Email)
			roles, statuses = append(roles, string(m.Role)), append(statuses, string(m.Status))
		}
		if _, err := tx.Exec(ctx, enrollSQL, study.ID, study.Name, ids, names, emails, roles, statuses); err != nil {
			return fmt.Errorf("enroll the members of %s: %w", study.ID, err)
		}
		progress.Add(1)
	}
	return nil
}
