package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"
)

// Unavailable reports whether err means that the database is away, or about to be, so that the same call may well work
// later: it could not be reached, the connection broke, it is shutting down or starting, it has run out of connections,
// memory or disk, or gave no answer before the context's deadline. An interrupted write may or may not have happened.
//
// It is false for nil, for whatever the server says about the statement itself (conflicts, constraints, mistakes), and when
// the caller cancelled. It looks at types and codes only, never at texts.
func Unavailable(err error) bool {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return true
	}
	if connectErr := (*pgconn.ConnectError)(nil); errors.As(err, &connectErr) {
		return true
	}
	if serverErr := (*pgconn.PgError)(nil); errors.As(err, &serverErr) {
		return unavailableState(serverErr.Code)
	}
	return brokenConnection(err)
}

// unavailableState knows the server's own words for "not now".
func unavailableState(code string) bool {
	switch code {
	case "25006": // read-only: after a failover we are still connected to the old primary
		return true
	case "25P03": // idle in a transaction for too long: the connection was ended
		return true
	case "57014": // a statement that was cancelled, for example by its timeout
		return false
	}
	for _, class := range []string{
		"08",  // the connection broke
		"53",  // out of connections, memory or disk
		"57P", // shutting down, crashed, starting, or the connection was ended
		"58",  // the system below the server failed
	} {
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return false
}

func brokenConnection(err error) bool {
	for _, known := range []error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.ETIMEDOUT,
		pgconn.ErrConnClosed, puddle.ErrClosedPool, sql.ErrConnDone, driver.ErrBadConn,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	var netErr net.Error
	return errors.As(err, &netErr)
}
