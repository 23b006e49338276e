package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/seed"
)

type seedCommand struct {
	databaseFlags `embed:""`
	Studies       int      `env:"STUDYCALL_STUDIES" default:"10" placeholder:"N" help:"Number of studies (${default})."`
	Sessions      int      `env:"STUDYCALL_SESSIONS" default:"100" placeholder:"N" help:"Number of sessions per study (${default}), of about 40 events each; four a week, more for over ten years."`
	Seed          uint64   `env:"STUDYCALL_SEED" default:"0" placeholder:"NUMBER" help:"Number of the past (${default}). The same seed, sessions and date make the same past; another seed adds other studies."`
	Until         string   `env:"STUDYCALL_UNTIL" placeholder:"DATE" help:"All sessions end before this day, such as 2025-11-20. Empty: today."`
	StatsTimezone timeZone `env:"STUDYCALL_STATS_TIMEZONE" default:"Asia/Seoul" placeholder:"ZONE" help:"Time zone of the evenings on which the studies meet (${default})."`
}

// Help is shown after the command's own line.
func (c *seedCommand) Help() string {
	return `Each study has members of its own. The first member of study N, seed-user-N-1, is its owner: sign in as that user to see the result (development sign-in: with the header X-User-Id). With --seed=S the names are seed-S-study-N and seed-S-user-N-1.

A server creates the example study (study-123, user-456) only if no study exists: not on a database that was seeded before.`
}

// Validate is called by the parser.
func (c *seedCommand) Validate() error {
	if c.Studies < 1 {
		return fmt.Errorf("--studies must be 1 or more, not %d", c.Studies)
	}
	if c.Sessions < 1 || c.Sessions > seed.MaxSessions {
		return fmt.Errorf("--sessions must be 1 to %d, not %d", seed.MaxSessions, c.Sessions)
	}
	_, err := c.past(time.Now())
	return err
}

// past returns the past that the flags describe.
func (c *seedCommand) past(now time.Time) (seed.Past, error) {
	zone := c.StatsTimezone.Location
	year, month, day := now.In(zone).Date()
	today := time.Date(year, month, day, 0, 0, 0, 0, zone)
	until := today
	if c.Until != "" {
		var err error
		if until, err = time.ParseInLocation(time.DateOnly, c.Until, zone); err != nil {
			return seed.Past{}, fmt.Errorf("--until %q is not a date like 2025-11-20", c.Until)
		}
	}
	if until.Year() < 2000 {
		return seed.Past{}, errors.New("--until must not be before 2000-01-01")
	}
	if until.After(today) {
		return seed.Past{}, fmt.Errorf("--until must not be after today, %s", today.Format(time.DateOnly))
	}
	return seed.Past{Seed: c.Seed, Sessions: c.Sessions, Until: until}, nil
}

// Run creates the studies and appends their past. After an interruption or failure the appended events stay: whole sessions,
// all ended.
func (c *seedCommand) Run(ctx context.Context, s *streams) error {
	past, err := c.past(time.Now())
	if err != nil {
		return err
	}
	db, err := c.openLog(ctx, s.log, mayCreate)
	if err != nil {
		return err
	}
	defer db.close()
	if err := db.warnOfWebApp(ctx, "the new members have no effect, and no user can sign in as one of them"); err != nil {
		return err
	}
	seeder := &seeder{store: db.store, past: past, studies: c.Studies}
	enrolling := newProgress(s, "enrolling the studies' members", int64(c.Studies))
	err = pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) error { return seeder.enroll(ctx, db.Pool, tx, enrolling) })
	enrolling.Done()
	if err != nil {
		return err
	}
	began := time.Now()
	seeder.progress = newProgress(s, "appending sessions", int64(c.Studies)*int64(c.Sessions))
	err = seeder.append(ctx)
	seeder.progress.Done()
	events, took := seeder.events.Load(), time.Since(began)
	if err != nil {
		if ctx.Err() != nil {
			err = errInterrupted
		}
		return fmt.Errorf("%w; the %d appended events stay: to append more, use another --seed than %d", err, events, c.Seed)
	}
	return c.report(s, past, events, took)
}

// report prints the result, and a request that shows it.
func (c *seedCommand) report(s *streams, past seed.Past, events int64, took time.Duration) error {
	first := past.Study(1)
	studies := "study " + first.ID
	if c.Studies > 1 {
		studies = fmt.Sprintf("studies %s to %s", first.ID, past.Study(c.Studies).ID)
	}
	_, err := fmt.Fprintf(s.out, `Appended %d events in %s, %.0f a second, of the %s.
To see them as an owner, while the service runs on this database:
  curl 'http://127.0.0.1:8080/api/my-studies/%s/video-call/history' -H 'X-User-Id: %s'
`, events, took.Round(time.Millisecond), float64(events)/took.Seconds(), studies, first.ID, first.Members[0].UserID)
	return err
}

const (
	// seedWriters is the number of concurrent appends, and seedAppend the least number of events in one. Fewer spend the time
	// on transactions; more gain nothing (measured).
	seedWriters = 8
	seedAppend  = 1000
	seedEnroll  = 500 // studies whose members are written at once
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
	var version, sessions int64
	var pending []domain.Event
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

// enroll writes the studies and their members into our own tables, and keeps users' avatars. It refuses studies that have events.
func (s *seeder) enroll(ctx context.Context, pool *pgxpool.Pool, tx pgx.Tx, progress *progress) error {
	var rows membership.Import
	var ids []string
	for n := 1; n <= s.studies; n++ {
		study := s.past.Study(n)
		events, err := s.store.Load(ctx, eventstore.Stream(study.ID))
		if err != nil {
			return err
		}
		if len(events) > 0 {
			return s.alreadySeeded(study)
		}
		rows.Studies = append(rows.Studies, membership.Study{ID: study.ID, Name: study.Name})
		for _, m := range study.Members {
			ids = append(ids, m.UserID)
			rows.Users = append(rows.Users, membership.User{ID: m.UserID, Name: m.Name, Email: m.Email, Status: "ACTIVE"})
			rows.Members = append(rows.Members, membership.Member{StudyID: study.ID, UserID: m.UserID, Membership: m.Membership})
		}
		if len(rows.Studies) < seedEnroll && n < s.studies {
			continue
		}
		existing, err := membership.NewTables(pool).Users(ctx, ids)
		if err != nil {
			return err
		}
		for i, id := range ids {
			rows.Users[i].Avatar = existing[id].Avatar
		}
		if _, err := rows.Write(ctx, tx, func(int) {}); err != nil {
			return fmt.Errorf("enroll the studies' members: %w", err)
		}
		progress.Add(int64(len(rows.Studies)))
		rows, ids = membership.Import{}, nil
	}
	return nil
}
