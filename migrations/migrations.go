// Package migrations holds the database's schema as numbered SQL files, embedded in the binary.
// It may contain SQL and nothing else; package postgres applies it.
package migrations

import "embed"

// Files are the migrations, in goose's format, named NNNN_what.sql. A file that was released is never changed:
// a later one corrects it. Read-only, so safe for concurrent use.
//
//go:embed *.sql
var Files embed.FS
