package main

import (
	"context"
	"fmt"

	"github.com/studycall/studycall/projections"
)

// shownDifferences is how many differences are printed; the rest is counted.
const shownDifferences = 1000

type verifyCommand struct {
	rebuildCommand `embed:""`
}

// Run compares projections with a fold of the log while they are in use.
func (c *verifyCommand) Run(ctx context.Context, s *streams) error {
	found := 0
	err := c.beside(ctx, s, "verify", func(r *projections.Rebuilder, chosen []projections.Projection) error {
		return r.Verify(ctx, func(d projections.Difference) {
			if found++; found <= shownDifferences {
				column := d.Column
				if column == "" {
					column = "(row)"
				}
				_, _ = fmt.Fprintf(s.out, "%s.%s %s %s: live %s, rebuilt %s\n",
					d.Projection, d.Table, d.Key, column, d.Live, d.Rebuilt)
			}
		}, chosen...)
	})
	if err != nil {
		return err
	}
	if found > 0 {
		return fmt.Errorf("%d differences between the tables and the log; studycall rebuild makes the tables anew", found)
	}
	_, err = fmt.Fprintln(s.out, "The tables are what the log says.")
	return err
}
