package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"
)

// Unavailable reports whether err means that the database is unavailable, or about to be, so that the same call may succeed
// later: the database is not reachable, the connection broke, the server is starting or stopping, has no more connections, memory
// or disk, or gave no answer before the context's deadline. An interrupted write may have happened or not.
//
// It is false for nil, for errors about the statement itself (conflicts, constraints, mistakes), and when the caller cancelled. It
// examines types and codes only, never texts.
func Unavailable(err error) bool {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if serverErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return unavailableState(serverErr.Code)
	}
	_, network := errors.AsType[net.Error](err)
	return network || slices.ContainsFunc([]error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.ETIMEDOUT,
		pgconn.ErrConnClosed, puddle.ErrClosedPool, sql.ErrConnDone, driver.ErrBadConn,
	}, func(broken error) bool { return errors.Is(err, broken) })
}

// Blocked reports whether the server ended a statement because of a timeout, a lock or a conflict with another transaction. A
// reader may succeed later; a writer must decide the conflict first. It is false for an error that is Unavailable.
func Blocked(err error) bool {
	serverErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.Contains([]string{
		"57014",          // a statement took longer than statement_timeout, or was cancelled
		"55P03",          // a lock was not free within lock_timeout, usually because of a migration
		"40001", "40P01", // a conflict with what is being written, or replayed on a standby
	}, serverErr.Code)
}

// unavailableState reports whether the server's error code says that the server, and not the statement, is the reason.
func unavailableState(code string) bool {
	return slices.ContainsFunc([]string{
		"25006", // read-only: after a failover, the connection is still to the old primary
		"25P03", // idle in a transaction for too long: the connection was ended
		"08",    // the connection broke
		"53",    // out of connections, memory or disk
		"57P",   // the server stops, crashed or starts, or the connection was ended
		"58",    // the system below the server failed
	}, func(start string) bool { return strings.HasPrefix(code, start) })
}
