package main

import (
	"context"
	"fmt"
)

type migrateCommand struct {
	databaseFlags `embed:""`
}

// Run applies the migrations.
func (c *migrateCommand) Run(ctx context.Context, s *streams) error {
	db, err := c.open(ctx, s.log, mayCreate)
	if err != nil {
		return err
	}
	defer db.close()
	if err := db.migrate(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, "The database is up to date:", db.describe())
	return err
}
