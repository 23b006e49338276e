package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/studycall/studycall/projections"
)

// projectionsCommand is what there is to do with projections. The flags are here, and not with the commands below, so that
// its help shows them.
type projectionsCommand struct {
	databaseFlags `embed:""`
	zoneFlags     `embed:""`
	JSON          bool `name:"json" env:"STUDYCALL_JSON" help:"Print JSON."`

	Show  showCommand  `cmd:"" default:"withargs" help:"Show how far each projection is (the default)."`
	Retry retryCommand `cmd:"" help:"Have a projection that stopped at an event try it again now, after what stopped it was fixed."`
}

type showCommand struct{}

// Run prints the state of the projections.
func (c *showCommand) Run(ctx context.Context, s *streams, shared *projectionsCommand) error {
	db, err := shared.open(ctx, s.log, existing)
	if err != nil {
		return err
	}
	defer db.close()
	if err := db.mustBeCurrent(ctx); err != nil {
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
		s.log.Info("no projection has run on this database yet: servers run them")
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

// Run has a projection try again, and says what came of it.
func (c *retryCommand) Run(ctx context.Context, s *streams, shared *projectionsCommand) error {
	if err := mustBeProjection(c.Name); err != nil {
		return err
	}
	db, store, done, err := shared.openLog(ctx, s.log, existing)
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
	case before.State == projections.Stopped && after.State == projections.Stopped:
		return fmt.Errorf("%s stopped again after %d: %s", c.Name, after.Position, after.Error)
	case shared.JSON:
		return printJSON(s, after)
	case before.State != projections.Stopped:
		outcome = fmt.Sprintf("%s is not stopped: it is %s, at %d of %d.", c.Name, before.State, before.Position, before.Head)
	case after.Position > before.Position:
		outcome = fmt.Sprintf("%s goes on: it is %s, at %d of %d.", c.Name, after.State, after.Position, after.Head)
	default:
		outcome = fmt.Sprintf("%s will go on after %d when a server runs; none does now.", c.Name, after.Position)
	}
	_, err = fmt.Fprintln(s.out, outcome)
	return err
}
