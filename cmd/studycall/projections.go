package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"

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
	db, err := shared.openLog(ctx, s.log, existing)
	if err != nil {
		return err
	}
	defer db.close()
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
