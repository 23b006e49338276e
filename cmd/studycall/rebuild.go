package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
		if err := r.Rebuild(ctx, chosen...); err != nil {
			return err
		}
		names := make([]string, len(chosen))
		for i, p := range chosen {
			names[i] = p.Name()
		}
		_, err := fmt.Fprintf(s.out, "The tables of %s were made anew.\n", strings.Join(names, ", "))
		return err
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
	db, store, done, err := c.openLog(ctx, s.log, existing)
	if err != nil {
		return err
	}
	defer done()
	if err := sameZone(ctx, db, chosen); err != nil {
		return err
	}
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

// sameZone refuses another statistics time zone than that of the tables: servers fold and read those of their own alone.
func sameZone(ctx context.Context, db *database, chosen []projections.Projection) error {
	statuses, err := projections.ReadStatus(ctx, db.Pool)
	if err != nil {
		return err
	}
	for _, p := range chosen {
		for _, s := range statuses {
			if tables, ours := s.Version.Variant, p.Version().Variant; s.Name == p.Name() && tables != ours {
				return usageError{fmt.Sprintf("the tables of %s count the days of %s, and --stats-timezone says %s: "+
					"give the one that the servers have, or, to change it, start them with the other, and they make the tables anew",
					p.Name(), tables, ours)}
			}
		}
	}
	return nil
}

// choose gives the projections that were named.
func (c *rebuildCommand) choose() ([]projections.Projection, error) {
	all := projections.All(c.StatsTimezone.Location)
	if len(c.Names) == 0 {
		return all, nil
	}
	for _, name := range c.Names {
		if err := mustBeProjection(name); err != nil {
			return nil, err
		}
	}
	// Each once, however often it is named.
	return slices.DeleteFunc(all, func(p projections.Projection) bool { return !slices.Contains(c.Names, p.Name()) }), nil
}

// mustBeProjection refuses a name that none of the projections has.
func mustBeProjection(name string) error {
	var names []string
	for _, p := range projections.All(time.UTC) {
		names = append(names, p.Name())
	}
	if !slices.Contains(names, name) {
		return usageError{fmt.Sprintf("there is no projection %q; there are %s", name, strings.Join(names, ", "))}
	}
	return nil
}
