package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// catchUpLimit bounds how many events of other servers a catch-up reads. Beyond it, reading the latest chapter is cheaper.
const catchUpLimit = 200

var errCannotRead = errors.New("cannot read the call")

// cachedCall is a study's call as of a version of its stream. It is not safe for concurrent use.
type cachedCall struct {
	log    Log
	stream string

	call     domain.Call
	version  int64 // of the stream's last known event; 0 if it has none
	position int64 // of that event in the log
	loaded   bool  // whether the fields above are of use
}

// load reads the latest chapter.
func (c *cachedCall) load(ctx context.Context) error {
	events, err := c.log.Load(ctx, c.stream)
	if err != nil {
		return fmt.Errorf("%w: %w", errCannotRead, err)
	}
	c.call, c.version, c.position = domain.Call{}, 0, 0
	if err := c.evolve(events); err != nil {
		return err
	}
	c.loaded = true
	return nil
}

// catchUp reads the events that other servers have appended, and reports whether there were any. It reads the last known
// event once more: if that one is missing, as after a failover to a standby that lagged, everything is loaded again.
func (c *cachedCall) catchUp(ctx context.Context) (overtaken bool, err error) {
	events, err := c.log.ReadStreamPage(ctx, c.stream, max(0, c.version-1), catchUpLimit)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errCannotRead, err)
	}
	if len(events) == catchUpLimit {
		return true, c.load(ctx)
	}
	if c.version > 0 {
		if len(events) == 0 || events[0].Position != c.position {
			return true, c.load(ctx)
		}
		events = events[1:]
	}
	return len(events) > 0, c.evolve(events)
}

func (c *cachedCall) evolve(events []eventstore.Recorded) error {
	for _, recorded := range events {
		event, err := recorded.Event()
		if err != nil {
			c.loaded = false
			return fmt.Errorf("%w: %w", errCannotRead, err)
		}
		c.call.Evolve(event)
		c.version, c.position = recorded.Version, recorded.Position
	}
	return nil
}
