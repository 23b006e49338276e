package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/studycall/studycall/projections"
)

type projectionsCommand struct {
	databaseFlags `embed:""`
	JSON          bool `name:"json" env:"STUDYCALL_JSON" help:"Print JSON."`
}

// Run prints the state of the projections.
func (c *projectionsCommand) Run(ctx context.Context, s *streams) error {
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
