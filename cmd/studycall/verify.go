package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/studycall/studycall/projections"
)

// printedDifferences is the largest number of printed differences. The total is always printed.
const printedDifferences = 1000

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
			if found <= printedDifferences {
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
