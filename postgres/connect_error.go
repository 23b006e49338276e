package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// connectError is a connection that could not be made, told in one line.
type connectError struct {
	text string
	err  error
}

func (e *connectError) Error() string { return e.text }

func (e *connectError) Unwrap() error { return e.err }

// newConnectError says where the database was expected, why it could not be reached, and what to look at.
func newConnectError(config pgconn.Config, err error) error {
	where := fmt.Sprintf("database %q at %s:%d as user %q", config.Database, config.Host, config.Port, config.User)
	if strings.HasPrefix(config.Host, "/") {
		where = fmt.Sprintf("database %q on the socket in %s as user %q", config.Database, config.Host, config.User)
	}
	return &connectError{"connecting to " + where + ": " + reasons(err) + connectAdvice(err), err}
}

// attempt is what the driver says before the end of one attempt: its address, and at what it ended.
var attempt = regexp.MustCompile(`^(\S+ \([^)]*\): )?((dial|server|hostname resolving) error: )?`)

// reasons are why connecting failed, each once, in one line: the driver tells every attempt on a line of its own, and makes
// two where TLS is optional, which mostly end alike.
func reasons(err error) string {
	var refused *pgconn.ConnectError
	if !errors.As(err, &refused) {
		return err.Error()
	}
	var each []string
	for line := range strings.SplitSeq(refused.Unwrap().Error(), "\n") {
		if reason := attempt.ReplaceAllString(strings.TrimSpace(line), ""); !slices.Contains(each, reason) {
			each = append(each, reason)
		}
	}
	return strings.Join(each, "; ")
}

func connectAdvice(err error) string {
	var serverErr *pgconn.PgError
	switch {
	case errors.As(err, &serverErr) && serverErr.Code == "3D000":
		return "; create the database, or correct its name in the database URL"
	case errors.As(err, &serverErr) && strings.HasPrefix(serverErr.Code, "28"):
		return "; check the user and password in the database URL"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return "; is Postgres running there? Check the host and port in the database URL"
	case errors.Is(err, context.DeadlineExceeded):
		return "; nothing answered in time: check the host, the port and any firewall between"
	default:
		return ""
	}
}
