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

// connectError is a failed connection, with a message of one line.
type connectError struct {
	text string
	err  error
}

func (e *connectError) Error() string { return e.text }

func (e *connectError) Unwrap() error { return e.err }

// newConnectError returns an error that names the address, the reasons and the remedy.
func newConnectError(config pgconn.Config, err error) error {
	target := fmt.Sprintf("database %q at %s:%d as user %q", config.Database, config.Host, config.Port, config.User)
	if strings.HasPrefix(config.Host, "/") {
		target = fmt.Sprintf("database %q on the socket in %s as user %q", config.Database, config.Host, config.User)
	}
	return &connectError{"connecting to " + target + ": " + reasons(err) + connectAdvice(err), err}
}

// attempt matches what the driver writes before the reason of one attempt: the address and the step.
var attempt = regexp.MustCompile(`^(\S+ \([^)]*\): )?((dial|server|hostname resolving) error: )?`)

// reasons returns the reasons of a failed connection, each once, in one line. The driver reports each attempt on a line of its own,
// and makes two if TLS is optional, which mostly fail alike.
func reasons(err error) string {
	refused, ok := errors.AsType[*pgconn.ConnectError](err)
	if !ok {
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
		return "; is Postgres running? Check the host and port in the database URL"
	case errors.Is(err, context.DeadlineExceeded):
		return "; nothing answered in time: check the host, the port and firewalls"
	default:
		return ""
	}
}
