package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/studycall/studycall/membership"
)

type membersCommand struct {
	Import membersImportCommand `cmd:"" help:"Put users, studies and members from a JSON file into our own tables, all or nothing."`
}

type membersImportCommand struct {
	databaseFlags `embed:""`
	File          string `arg:"" name:"FILE.json" help:"The file; - for the standard input."`

	stdin io.Reader // nil: the process's
}

// Help is shown after the command's own line.
func (c *membersImportCommand) Help() string {
	return `The file is a JSON object of three lists, each of which may be left out:

  {
    "users":   [{"id": "u1", "name": "김철수", "email": "u1@example.com", "avatar": null, "status": "ACTIVE"}],
    "studies": [{"id": "s1", "name": "알고리즘 스터디"}],
    "members": [{"studyId": "s1", "userId": "u1", "role": "OWNER", "status": "ACTIVE"}]
  }

A member's role is OWNER, ADMIN or MEMBER, the status ACTIVE, PENDING, KICKED or LEFT; a user's status is ACTIVE or another word of the web app's, which keeps the user out. Only an avatar may be left out or null.

Rows of the same id are replaced, all others stay. A mistake anywhere in the file means that nothing is imported. Running servers follow within their --membership-cache. Where the web app's own tables are used, this is not needed and changes nothing.`
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
	if err := db.mustBeCurrent(ctx); err != nil {
		return err
	}
	if err := warnOfWebApp(ctx, db, s.log, "what is imported shows nowhere"); err != nil {
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
	_, err = fmt.Fprintf(s.out, "Imported in %s:\n  users    %s\n  studies  %s\n  members  %s\n",
		time.Since(began).Round(time.Millisecond), told(result.Users), told(result.Studies), told(result.Members))
	return err
}

// warnOfWebApp says what follows from the web app's own tables being in the database that ours are written to.
func warnOfWebApp(ctx context.Context, db *database, log *slog.Logger, so string) error {
	webApps, err := membership.HasWebApp(ctx, db.Pool)
	if webApps {
		log.Warn("the web app's tables are in this database, and servers use those: " + so)
	}
	return err
}

func (c *membersImportCommand) read() (*membership.Import, error) {
	if c.File == "-" {
		if c.stdin == nil {
			c.stdin = os.Stdin
		}
		return membership.ReadImport(c.stdin)
	}
	file, err := os.Open(c.File)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return membership.ReadImport(file)
}

func told(i membership.Imported) string {
	return fmt.Sprintf("%d new, %d changed, %d as they were", i.New, i.Changed, i.Same)
}
