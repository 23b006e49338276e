package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/studycall/studycall/projections"
)

// projectionsCommand is the group of commands on projections. The flags are in the group, and not in its commands, so that the
// help of the group shows them.
type projectionsCommand struct {
	databaseFlags `embed:""`
	zoneFlags     `embed:""`
	JSON          bool `name:"json" env:"STUDYCALL_JSON" help:"Print JSON."`

	Show  showCommand  `cmd:"" default:"withargs" help:"Show the progress of each projection (the default)."`
	Retry retryCommand `cmd:"" help:"Retry the event at which a projection stopped, after its cause was fixed."`
}

type showCommand struct{}

// Run prints the state of the projections.
func (c *showCommand) Run(ctx context.Context, s *streams, shared *projectionsCommand) error {
	db, err := shared.open(ctx, s.log, existing)
	if err != nil {
		return err
	}
	defer db.close()
	if err := db.requireCurrentSchema(ctx); err != nil {
		return err
	}
	statuses, err := projections.ReadStatus(ctx, db.Pool, projections.All(shared.StatsTimezone.Location)...)
	if err != nil {
		return err
	}
	if shared.JSON {
		return printJSON(s, statuses)
	}
	if len(statuses) == 0 {
		s.log.Info("no server has run projections on this database yet")
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NAME\tVERSION\tPOSITION\tHEAD\tLAG\tSTATE\tLAST ERROR")
	for _, p := range statuses {
		_, _ = fmt.Fprintf(table, "%s\t%v\t%d\t%d\t%d\t%s\t%s\n", p.Name, p.Version, p.Position, p.Head, p.Lag, p.State, p.Error)
	}
	return table.Flush()
}

func printJSON(s *streams, value any) error {
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

type retryCommand struct {
	Name string `arg:"" help:"The projection."`
}

// Run retries the event at which a projection stopped, and prints the outcome.
func (c *retryCommand) Run(ctx context.Context, s *streams, shared *projectionsCommand) error {
	if err := checkProjectionName(c.Name); err != nil {
		return err
	}
	db, err := shared.openLog(ctx, s.log, existing)
	if err != nil {
		return err
	}
	defer db.close()
	before, after, err := projections.Retry(ctx, db.Pool, db.store, c.Name)
	if err != nil {
		return err
	}
	var outcome string
	switch {
	case before.State == projections.Stopped && after.State == projections.Stopped:
		return fmt.Errorf("%s stopped again after %d: %s", c.Name, after.Position, after.Error)
	case shared.JSON:
		return printJSON(s, after)
	case before.State != projections.Stopped:
		outcome = fmt.Sprintf("%s is not stopped: it is %s, at %d of %d.", c.Name, before.State, before.Position, before.Head)
	case after.Position > before.Position:
		outcome = fmt.Sprintf("%s continues: it is %s, at %d of %d.", c.Name, after.State, after.Position, after.Head)
	default:
		outcome = fmt.Sprintf("%s will continue after %d when a server runs; none does now.", c.Name, after.Position)
	}
	_, err = fmt.Fprintln(s.out, outcome)
	return err
}

type rebuildCommand struct {
	databaseFlags `embed:""`
	zoneFlags     `embed:""`
	Names         []string `arg:"" optional:"" name:"NAME" help:"The projections; default: all."`
}

// Run rebuilds projections while servers use them.
func (c *rebuildCommand) Run(ctx context.Context, s *streams) error {
	return c.withRebuilder(ctx, s, "rebuild", func(r *projections.Rebuilder, chosen []projections.Projection) error {
		if err := r.Rebuild(ctx, chosen...); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "Rebuilt the tables of %s.\n", strings.Join(names(chosen), ", "))
		return err
	})
}

// withRebuilder opens the log and runs a rebuild or verification of the chosen projections, with a progress report.
func (c *rebuildCommand) withRebuilder(
	ctx context.Context, s *streams, title string, run func(*projections.Rebuilder, []projections.Projection) error,
) error {
	chosen, err := c.choose()
	if err != nil {
		return err
	}
	db, err := c.openLog(ctx, s.log, existing)
	if err != nil {
		return err
	}
	defer db.close()
	if err := requireSameZone(ctx, db, chosen); err != nil {
		return err
	}
	head, err := db.store.Head(ctx)
	if err != nil {
		return err
	}
	progress := newProgress(s, title, head)
	defer progress.Done()
	last := int64(0)
	rebuilder := projections.NewRebuilder(db.Pool, db.store, s.log, func(done, _ int64) {
		progress.Add(done - last)
		last = done
	})
	return run(rebuilder, chosen)
}

// requireSameZone returns an error if the tables have another statistics time zone than the flags: a server folds and reads
// only tables with its own time zone.
func requireSameZone(ctx context.Context, db *database, chosen []projections.Projection) error {
	statuses, err := projections.ReadStatus(ctx, db.Pool)
	if err != nil {
		return err
	}
	for _, p := range chosen {
		for _, s := range statuses {
			if have, want := s.Version.Variant, p.Version().Variant; s.Name == p.Name() && have != want {
				return usageErrorf("the tables of %s count the days of %s, but --stats-timezone is %s: "+
					"use the time zone of the servers; to change it, restart the servers with the new one, and they rebuild the tables",
					p.Name(), have, want)
			}
		}
	}
	return nil
}

// choose returns the projections that the arguments name, each once; all without arguments.
func (c *rebuildCommand) choose() ([]projections.Projection, error) {
	for _, name := range c.Names {
		if err := checkProjectionName(name); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(projections.All(c.StatsTimezone.Location), func(p projections.Projection) bool {
		return len(c.Names) > 0 && !slices.Contains(c.Names, p.Name())
	}), nil
}

// checkProjectionName returns an error if no projection has the name.
func checkProjectionName(name string) error {
	known := names(projections.All(time.UTC))
	if !slices.Contains(known, name) {
		return usageErrorf("unknown projection %q; known are %s", name, strings.Join(known, ", "))
	}
	return nil
}

func names(all []projections.Projection) []string {
	var result []string
	for _, p := range all {
		result = append(result, p.Name())
	}
	return result
}

type verifyCommand struct {
	rebuildCommand `embed:""`
}

// Help is shown after the command's own line.
func (c *verifyCommand) Help() string {
	return "Exit code 0: the tables agree with the log. 1: they differ. 2: a mistake in the flags. 3: no comparison was possible, " +
		"for example because a table does not exist yet or the database is unavailable. 130: interrupted."
}

// Run compares projections with a fold of the log while servers use them.
func (c *verifyCommand) Run(ctx context.Context, s *streams) error {
	found := 0
	err := c.withRebuilder(ctx, s, "verify", func(r *projections.Rebuilder, chosen []projections.Projection) error {
		return r.Verify(ctx, func(d projections.Difference) {
			found++
			if found <= 1000 { // the total is always printed
				_, _ = fmt.Fprintf(s.out, "%s.%s %s %s: live %s, rebuilt %s\n",
					d.Projection, d.Table, d.Key, cmp.Or(d.Column, "(row)"), d.Live, d.Rebuilt)
			}
		}, chosen...)
	})
	switch {
	case errors.As(err, new(codedError)):
		return err
	case err != nil:
		return codedError{err, exitUnverified}
	case found == 1:
		return errors.New("1 difference between the tables and the log; studycall rebuild repairs the tables")
	case found > 1:
		return fmt.Errorf("%d differences between the tables and the log; studycall rebuild repairs the tables", found)
	}
	_, err = fmt.Fprintln(s.out, "The tables agree with the log.")
	return err
}
