package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/studycall/studycall/seed"
)

// earliestUntil is the first year by which a past may have ended: before the web, there were no calls to record.
const earliestUntil = 2000

type seedCommand struct {
	databaseFlags `embed:""`
	Studies       int      `env:"STUDYCALL_STUDIES" default:"10" placeholder:"N" help:"How many studies to make (${default})."`
	Sessions      int      `env:"STUDYCALL_SESSIONS" default:"100" placeholder:"N" help:"How many sessions each of them had (${default}), of about 40 events; four a week, more often beyond ten years."`
	Seed          uint64   `env:"STUDYCALL_SEED" default:"0" placeholder:"NUMBER" help:"Which past (${default}). The same seed, sessions and date give the same one; another seed adds other studies."`
	Until         string   `env:"STUDYCALL_UNTIL" placeholder:"DATE" help:"The day before which everything has ended, such as 2025-11-20. Empty: today."`
	StatsTimezone timeZone `env:"STUDYCALL_STATS_TIMEZONE" default:"Asia/Seoul" placeholder:"ZONE" help:"Time zone of the evenings on which people meet (${default})."`
}

// Help is shown after the command's own line.
func (c *seedCommand) Help() string {
	return `Each study has members of its own. The first of study N, seed-user-N-1, is its owner: sign in as that user, with the header X-User-Id where sign-in is development's, to see what was made. (With --seed=S: seed-S-study-N, seed-S-user-N-1.)

A service makes the example study (study-123, user-456) only where there is no study yet, and so not on a database that was seeded first.`
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

// past is the one that the flags ask for.
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
	if c.Until != "" && until.Year() < earliestUntil {
		return seed.Past{}, fmt.Errorf("--until must not be before %d-01-01", earliestUntil)
	}
	if until.After(today) {
		return seed.Past{}, fmt.Errorf("--until must not be after today, %s", today.Format(time.DateOnly))
	}
	return seed.Past{Seed: c.Seed, Sessions: c.Sessions, Until: until}, nil
}

// Run makes the studies and appends their past. What was appended when it is interrupted or fails, stays: whole sessions,
// all of them ended.
func (c *seedCommand) Run(ctx context.Context, s *streams) error {
	past, err := c.past(time.Now())
	if err != nil {
		return err
	}
	db, store, done, err := c.openLog(ctx, s.log, mayCreate)
	if err != nil {
		return err
	}
	defer done()

	if err := warnOfWebApp(ctx, db, s.log, "the members that are made show nowhere, and nobody can sign in as one"); err != nil {
		return err
	}
	sow := &sower{store: store, past: past, studies: c.Studies}
	enrolling := newProgress(s, "enrolling the studies' members", int64(c.Studies))
	err = pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) error { return sow.enroll(ctx, tx, enrolling) })
	enrolling.Done()
	if err != nil {
		return err
	}
	began := time.Now()
	sow.progress = newProgress(s, "appending sessions", int64(c.Studies)*int64(c.Sessions))
	err = sow.append(ctx)
	sow.progress.Done()
	events, took := sow.events.Load(), time.Since(began)
	if err != nil {
		if ctx.Err() != nil {
			err = errInterrupted
		}
		return fmt.Errorf("%w; the %d events that were appended stay, and to add more, choose another --seed than %d", err, events, c.Seed)
	}
	first := past.Study(1)
	which := "study " + first.ID
	if c.Studies > 1 {
		which = fmt.Sprintf("studies %s to %s", first.ID, past.Study(c.Studies).ID)
	}
	_, err = fmt.Fprintf(s.out, `Appended %d events in %s, %.0f a second, of the %s.
Look at them as an owner, while the service runs on this database:
  curl 'http://127.0.0.1:8080/api/my-studies/%s/video-call/history' -H 'X-User-Id: %s'
`, events, took.Round(time.Millisecond), float64(events)/took.Seconds(), which, first.ID, first.Members[0].UserID)
	return err
}
