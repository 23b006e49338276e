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
	// freshTimeout bounds the wait for the event that Min-Event-Position names.
	freshTimeout = 2 * time.Second
)

// showPosition sets the header Event-Position: the last event that the answer rests on.
func showPosition(c echo.Context, position int64) {
	c.Response().Header().Set(eventPosition, strconv.FormatInt(position, 10))
}

// read makes a query, which also returns the position that its answer rests on, and shows the position. If the request has a
// Min-Event-Position, read waits until the tables hold that event. It queries again if the answer is older nevertheless: the
// projections commit asynchronously, so a crash of Postgres may undo some tenths of a second of what the tables held, until
// the events are folded again.
func read[T any](c echo.Context, tables waiter, query func(context.Context) (T, int64, error)) (result T, err error) {
	least, err := leastPosition(c)
	if err != nil {
		return result, err
	}
	ctx, position := c.Request().Context(), int64(-1)
	if least < 0 {
		result, position, err = query(ctx)
	} else {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, freshTimeout)
		defer cancel()
		for position < least && err == nil {
			if position >= 0 {
				select {
				case <-time.After(20 * time.Millisecond):
				case <-ctx.Done(): // WaitFor or the query returns its error
				}
			}
			if err = tables.WaitFor(ctx, least); err == nil {
				result, position, err = query(ctx)
			}
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = &domain.Error{Code: domain.ServiceUnavailable, Details: map[string]any{
				"field": minEventPosition, "reason": fmt.Sprintf("was not reached within %s", freshTimeout),
			}}
		}
	}
	if err == nil {
		showPosition(c, position)
	}
	return result, err
}

// leastPosition returns the position in Min-Event-Position, or -1 without the header.
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
