package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/studycall/studycall/membership"
)

type membersCommand struct {
	Import membersImportCommand `cmd:"" help:"Import users, studies and members from a JSON file into the service's own tables, all or nothing."`
}

type membersImportCommand struct {
	databaseFlags `embed:""`
	File          string `arg:"" name:"FILE.json" help:"The file; - for standard input."`

	stdin io.Reader // nil: os.Stdin
}

// Help is shown after the command's own line.
func (c *membersImportCommand) Help() string {
	return `The file is a JSON object of three lists, each of which is optional:

  {
    "users":   [{"id": "u1", "name": "김철수", "email": "u1@example.com", "avatar": null, "status": "ACTIVE"}],
    "studies": [{"id": "s1", "name": "알고리즘 스터디"}],
    "members": [{"studyId": "s1", "userId": "u1", "role": "OWNER", "status": "ACTIVE"}]
  }

A member's role is OWNER, ADMIN or MEMBER, the status ACTIVE, PENDING, KICKED or LEFT. A user's status is ACTIVE, or another status of the web app, which denies access. All fields but avatar are required.

Rows with the same id are replaced, all others stay. If the file has a mistake, nothing is imported. Running servers use the new rows within their --membership-cache. The import has no effect if the service uses the web app's own tables.`
}

// Run imports the file.
func (c *membersImportCommand) Run(ctx context.Context, s *streams) error {
	rows, err := c.read()
	if err != nil {
		return fmt.Errorf("nothing is imported from %s: %w", c.File, err)
	}
	db, err := c.open(ctx, s.log, mayCreate)
	if err != nil {
		return err
	}
	defer db.close()
	if err := db.requireCurrentSchema(ctx); err != nil {
		return err
	}
	if err := db.warnOfWebApp(ctx, "the imported rows have no effect"); err != nil {
		return err
	}
	began := time.Now()
	progress := newProgress(s, "importing", int64(rows.Rows()))
	result, err := rows.Write(ctx, db.Pool, func(n int) { progress.Add(int64(n)) })
	progress.Done()
	if err != nil {
		if ctx.Err() != nil {
			err = errInterrupted
		}
		return fmt.Errorf("nothing is imported from %s: %w", c.File, err)
	}
	counts := func(i membership.Imported) string {
		return fmt.Sprintf("%d new, %d changed, %d unchanged", i.New, i.Changed, i.Same)
	}
	_, err = fmt.Fprintf(s.out, "Imported in %s:\n  users    %s\n  studies  %s\n  members  %s\n",
		time.Since(began).Round(time.Millisecond), counts(result.Users), counts(result.Studies), counts(result.Members))
	return err
}

// warnOfWebApp warns with the consequence if the database has the web app's own tables, which servers use instead.
func (db *database) warnOfWebApp(ctx context.Context, consequence string) error {
	found, err := membership.HasWebApp(ctx, db.Pool)
	if found {
		db.log.Warn("the web app's tables are in this database, and servers use those: " + consequence)
	}
	return err
}

func (c *membersImportCommand) read() (*membership.Import, error) {
	if c.File == "-" {
		return membership.ReadImport(cmp.Or[io.Reader](c.stdin, os.Stdin))
	}
	file, err := os.Open(c.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return membership.ReadImport(file)
}
