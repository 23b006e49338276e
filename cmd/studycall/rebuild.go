package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/studycall/studycall/projections"
)

type rebuildCommand struct {
	databaseFlags `embed:""`
	zoneFlags     `embed:""`
	Names         []string `arg:"" optional:"" name:"NAME" help:"The projections; all of them if none is named."`
}

// Run rebuilds projections while they are in use.
func (c *rebuildCommand) Run(ctx context.Context, s *streams) error {
	return c.beside(ctx, s, "rebuild", func(r *projections.Rebuilder, chosen []projections.Projection) error {
		return r.Rebuild(ctx, chosen...)
	})
}

// beside opens what a rebuild needs, and runs it with progress.
func (c *rebuildCommand) beside(
	ctx context.Context, s *streams, doing string, run func(*projections.Rebuilder, []projections.Projection) error,
) error {
	chosen, err := c.choose()
	if err != nil {
		return err
	}
	db, store, done, err := c.openLog(ctx, s.log)
	if err != nil {
		return err
	}
	defer done()
	head, err := store.Head(ctx)
	if err != nil {
		return err
	}
	shown := newProgress(s, doing, head)
	defer shown.Done()
	told := int64(0)
	rebuilder := projections.NewRebuilder(db.Pool, store, s.log, func(done, _ int64) {
		shown.Add(done - told)
		told = done
	})
	return run(rebuilder, chosen)
}

// choose gives the projections that were named.
func (c *rebuildCommand) choose() ([]projections.Projection, error) {
	all := projections.All(c.StatsTimezone.Location)
	if len(c.Names) == 0 {
		return all, nil
	}
	known := map[string]projections.Projection{}
	var names []string
	for _, p := range all {
		known[p.Name()] = p
		names = append(names, p.Name())
	}
	var chosen []projections.Projection
	for _, name := range c.Names {
		p, ok := known[name]
		if !ok {
			return nil, usageError{fmt.Sprintf("there is no projection %q; there are %s", name, strings.Join(names, ", "))}
		}
		chosen = append(chosen, p)
		delete(known, name) // named twice: as unknown as any other
	}
	return chosen, nil
}
