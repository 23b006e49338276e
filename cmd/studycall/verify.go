package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/studycall/studycall/projections"
)

// shownDifferences is how many differences are printed; the rest is counted.
const shownDifferences = 1000

type verifyCommand struct {
	rebuildCommand `embed:""`
}

// Help is shown after the command's own line.
func (c *verifyCommand) Help() string {
	return "Exits with 0 if the tables are what the log says, 1 on a difference, 2 on a mistake in the flags, 3 if it could " +
		"not compare, such as tables that were never made or a database that is away, and 130 if it was interrupted."
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
	switch {
	case err != nil:
		return codedError{err, exitUnverified}
	case found == 1:
		return errors.New("1 difference between the tables and the log; studycall rebuild makes the tables anew")
	case found > 1:
		return fmt.Errorf("%d differences between the tables and the log; studycall rebuild makes the tables anew", found)
	}
	_, err = fmt.Fprintln(s.out, "The tables are what the log says.")
	return err
}
