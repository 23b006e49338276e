package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
)

const (
	eventPosition    = "Event-Position"
	minEventPosition = "Min-Event-Position"
	// freshTimeout is how long a query waits for the event that the caller insists on.
	freshTimeout = 2 * time.Second
	// freshPause is that between two looks at tables that were to hold it and do not.
	freshPause = 20 * time.Millisecond
)

// showPosition tells the caller on which event the answer rests.
func showPosition(c echo.Context, position int64) {
	c.Response().Header().Set(eventPosition, strconv.FormatInt(position, 10))
}

// read makes a query, which tells the position that its answer rests on: once the tables hold the event that the caller
// insists on, if any. Having waited for that is not enough: folds commit without waiting for the disk, so a crash of Postgres
// takes back some tenths of a second of them, which this server may have heard of. They are folded again at once, and so
// an answer that rests on less is not given, but read again while there is time.
func read(c echo.Context, waitFor func(context.Context, int64) error, query func(context.Context) (int64, error)) error {
	least, err := leastPosition(c)
	if err != nil {
		return err
	}
	if least < 0 {
		_, err := query(c.Request().Context())
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), freshTimeout)
	defer cancel()
	for position := int64(-1); position < least && err == nil; {
		if position >= 0 {
			err = pause(ctx)
		}
		if err == nil {
			err = waitFor(ctx, least)
		}
		if err == nil {
			position, err = query(ctx)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return notReached(fmt.Sprintf("was not reached within %s", freshTimeout))
	}
	return err
}

// pause is that before another look at tables which a crash took back.
func pause(ctx context.Context) error {
	select {
	case <-time.After(freshPause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leastPosition is the event that the caller insists on, -1 if none.
func leastPosition(c echo.Context) (int64, error) {
	values := c.Request().Header.Values(minEventPosition)
	if len(values) == 0 {
		return -1, nil
	}
	position, err := strconv.ParseUint(strings.Join(values, ","), 10, 63)
	if err != nil {
		return -1, api.Invalid(minEventPosition, "must be a whole number, 0 or greater")
	}
	return int64(position), nil
}

func notReached(reason string) error {
	return &domain.Error{Code: domain.ServiceUnavailable, Details: map[string]any{"field": minEventPosition, "reason": reason}}
}
