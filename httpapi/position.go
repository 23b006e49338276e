package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/domain"
)

const (
	eventPosition    = "Event-Position"
	minEventPosition = "Min-Event-Position"
	// freshTimeout is how long a query waits for the event that the caller insists on.
	freshTimeout = 2 * time.Second
)

// showPosition tells the caller on which event the answer rests.
func showPosition(c echo.Context, position int64) {
	c.Response().Header().Set(eventPosition, strconv.FormatInt(position, 10))
}

// awaitPosition waits until a query knows the event that the caller insists on, if any. What the query then finds is for
// mustReach to check.
func awaitPosition(c echo.Context, waitFor func(context.Context, int64) error) error {
	least, err := leastPosition(c)
	if err != nil || least < 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), freshTimeout)
	defer cancel()
	err = waitFor(ctx, least)
	if errors.Is(err, context.DeadlineExceeded) {
		return notReached(fmt.Sprintf("was not reached within %s", freshTimeout))
	}
	return err
}

// mustReach refuses what rests on an earlier event than the caller insists on. Having waited for it is not enough: folds
// commit without waiting for the disk, so a crash of Postgres takes back some tenths of a second of them, which this server
// may have heard of. They are folded again at once.
func mustReach(c echo.Context, position int64) error {
	least, err := leastPosition(c)
	if err == nil && position < least {
		return notReached("is not reached any more, and will be in a moment")
	}
	return err
}

// leastPosition is the event that the caller insists on, -1 if none.
func leastPosition(c echo.Context) (int64, error) {
	values := c.Request().Header.Values(minEventPosition)
	if len(values) == 0 {
		return -1, nil
	}
	position, err := strconv.ParseUint(strings.Join(values, ","), 10, 63)
	if err != nil {
		return -1, invalid(minEventPosition, "must be a whole number, 0 or greater")
	}
	return int64(position), nil
}

func notReached(reason string) error {
	return &domain.Error{Code: domain.ServiceUnavailable, Details: map[string]any{"field": minEventPosition, "reason": reason}}
}
