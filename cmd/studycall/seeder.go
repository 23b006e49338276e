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
	// seedWriters is the number of concurrent appends, and seedAppend the least number of events in one. Fewer spend the time
	// on transactions; more gain nothing (measured).
	seedWriters = 8
	seedAppend  = 1000
)

// seeder writes a past into the database.
type seeder struct {
	store    *eventstore.Store
	past     seed.Past
	studies  int
	progress *progress
	events   atomic.Int64 // number of appended events
}

func (s *seeder) alreadySeeded(study seed.Study) error {
	return fmt.Errorf("%s has events already: a past cannot be appended twice, and the log has that of seed %d; use another --seed, or an empty database",
		study.ID, s.past.Seed)
}

// append appends all sessions, several studies at a time. After ctx ends, it completes the appends in progress and returns
// ctx's error.
func (s *seeder) append(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(seedWriters)
	for n := 1; n <= s.studies; n++ {
		group.Go(func() error { return s.appendStudy(ctx, s.past.Study(n)) })
	}
	return group.Wait()
}

// appendStudy appends one study's sessions, a few at a time, so that only those are in memory.
func (s *seeder) appendStudy(ctx context.Context, study seed.Study) error {
	var (
		version  int64
		sessions int64
		pending  []domain.Event
	)
	flush := func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		// Not with ctx: an append that has begun is completed, so that the number of appended events is known.
		_, err := s.store.Append(context.WithoutCancel(ctx), eventstore.Stream(study.ID), version, pending)
		if errors.Is(err, eventstore.ErrConflict) {
			return s.alreadySeeded(study)
		}
		if err != nil {
			return fmt.Errorf("append to the past of %s: %w", study.ID, err)
		}
		s.events.Add(int64(len(pending)))
		s.progress.Add(sessions)
		version += int64(len(pending))
		sessions, pending = 0, pending[:0]
		return nil
	}
	for session := range study.Sessions() {
		pending = append(pending, session...)
		sessions++
		if len(pending) >= seedAppend {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(pending) == 0 {
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

// enroll writes the studies and their members into the service's own tables. It refuses studies that have events.
func (s *seeder) enroll(ctx context.Context, tx pgx.Tx, progress *progress) error {
	for n := 1; n <= s.studies; n++ {
		study := s.past.Study(n)
		events, err := s.store.Load(ctx, eventstore.Stream(study.ID))
		if err != nil {
			return err
		}
		if len(events) > 0 {
			return s.alreadySeeded(study)
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
