package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/studycall/studycall/projections"
)

// projectionsCommand is what there is to do with projections.
type projectionsCommand struct {
	Show  showCommand  `cmd:"" default:"withargs" help:"Show how far each projection is (the default)."`
	Retry retryCommand `cmd:"" help:"Have a projection that stopped at an event try it again now, after what stopped it was fixed."`
}

type showCommand struct {
	databaseFlags `embed:""`
	JSON          bool `name:"json" env:"STUDYCALL_JSON" help:"Print JSON."`
}

// Run prints the state of the projections.
func (c *showCommand) Run(ctx context.Context, s *streams) error {
	db, err := c.open(ctx, s.log, false)
	if err != nil {
		return err
	}
	defer db.close()
	if err := db.mustBeCurrent(ctx); err != nil {
		return err
	}
	statuses, err := projections.ReadStatus(ctx, db.Pool)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(statuses)
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NAME\tPOSITION\tHEAD\tLAG\tSTATE\tLAST ERROR")
	for _, p := range statuses {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%s\n", p.Name, p.Position, p.Head, p.Lag, p.State, p.Error)
	}
	return table.Flush()
}

type retryCommand struct {
	databaseFlags `embed:""`
	Name          string `arg:"" help:"The projection."`
}

// Run has a projection try again, and says what came of it.
func (c *retryCommand) Run(ctx context.Context, s *streams) error {
	db, store, done, err := c.openLog(ctx, s.log)
	if err != nil {
		return err
	}
	defer done()
	before, after, err := projections.Retry(ctx, db.Pool, store, c.Name)
	if err != nil {
		return err
	}
	var outcome string
	switch {
	case before.State != projections.Stopped:
		outcome = fmt.Sprintf("%s is not stopped: it is %s, at %d of %d.", c.Name, before.State, before.Position, before.Head)
	case after.State == projections.Stopped:
		return fmt.Errorf("%s stopped again after %d: %s", c.Name, after.Position, after.Error)
	case after.Position > before.Position:
		outcome = fmt.Sprintf("%s goes on: it is %s, at %d of %d.", c.Name, after.State, after.Position, after.Head)
	default:
		outcome = fmt.Sprintf("%s will go on after %d when a server runs; none does now.", c.Name, after.Position)
	}
	_, err = fmt.Fprintln(s.out, outcome)
	return err
}
