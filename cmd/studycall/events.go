package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/eventstore"
)

// eventsPage is the number of events in one read.
const eventsPage = 1000

type eventsCommand struct {
	databaseFlags `embed:""`
	Study         string `env:"STUDYCALL_STUDY" placeholder:"ID" help:"Only the events of this study."`
	After         int64  `env:"STUDYCALL_AFTER" placeholder:"POSITION" help:"Only the events after this position."`
	Follow        bool   `env:"STUDYCALL_FOLLOW" help:"Continue with new events, until interrupted."`
	JSON          bool   `name:"json" env:"STUDYCALL_JSON" help:"Print one JSON object per line."`
}

// Validate is called by the parser.
func (c *eventsCommand) Validate() error {
	if c.After < 0 {
		return fmt.Errorf("--after must be 0 or more, not %d", c.After)
	}
	return nil
}

// Run prints the log.
func (c *eventsCommand) Run(ctx context.Context, s *streams) error {
	db, err := c.openLog(ctx, s.log, existing)
	if err != nil {
		return err
	}
	defer db.close()
	out, printed := bufio.NewWriter(s.out), false
	show := func(events []eventstore.Recorded) error {
		for _, e := range events {
			if c.Study != "" && e.Study() != c.Study {
				continue
			}
			if err := c.print(out, e); err != nil {
				return err
			}
			printed = true
		}
		return out.Flush()
	}
	last, err := c.past(ctx, db.store, show)
	if err == nil && c.Follow {
		err = c.follow(ctx, db.store.Tail(last), show)
	}
	switch {
	case c.Follow && ctx.Err() != nil:
		return nil // the regular end of --follow
	case err == nil && !printed:
		s.log.Info("no such events", "study", c.Study, "after", c.After)
	}
	return err
}

// past prints the recorded events and returns the position from which follow continues. With --study it reads the study's
// stream, which has an index.
func (c *eventsCommand) past(ctx context.Context, store *eventstore.Store, show func([]eventstore.Recorded) error) (int64, error) {
	head, err := store.Head(ctx)
	if err != nil {
		return 0, err
	}
	last, position, version, stream := max(head, c.After), c.After, int64(0), eventstore.Stream(c.Study)
	if c.Study != "" {
		version, err = store.VersionAt(ctx, stream, c.After)
	}
	for err == nil {
		var events []eventstore.Recorded
		if c.Study == "" {
			events, err = store.ReadAll(ctx, position, eventsPage)
		} else {
			events, err = store.ReadStreamPage(ctx, stream, version, eventsPage)
		}
		if err != nil || len(events) == 0 {
			break
		}
		err = show(events)
		newest := events[len(events)-1]
		position, version = newest.Position, newest.Version
		last = max(last, position)
	}
	return last, err
}

// follow prints new events until ctx ends.
func (c *eventsCommand) follow(ctx context.Context, tail *eventstore.Tail, show func([]eventstore.Recorded) error) error {
	for {
		events, err := tail.Next(ctx)
		if err == nil {
			err = show(events)
		}
		if err != nil {
			return err
		}
	}
}

func (c *eventsCommand) print(out *bufio.Writer, e eventstore.Recorded) error {
	if c.JSON {
		return json.NewEncoder(out).Encode(api.NewLogEntry(e))
	}
	_, err := fmt.Fprintf(out, "%8d  %s  %-18s  study=%s session=%s  %s\n",
		e.Position, api.Time(e.OccurredAt), e.Type, e.Study(), e.Session, e.Data)
	return err
}
