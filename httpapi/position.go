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

// awaitPosition waits until a query knows the event that the caller insists on, if any.
func awaitPosition(c echo.Context, waitFor func(context.Context, int64) error) error {
	values := c.Request().Header.Values(minEventPosition)
	if len(values) == 0 {
		return nil
	}
	position, err := strconv.ParseUint(strings.Join(values, ","), 10, 63)
	if err != nil {
		return invalid(minEventPosition, "must be a whole number, 0 or greater")
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), freshTimeout)
	defer cancel()
	err = waitFor(ctx, int64(position))
	if errors.Is(err, context.DeadlineExceeded) {
		return &domain.Error{Code: domain.ServiceUnavailable, Details: map[string]any{
			"field": minEventPosition, "reason": fmt.Sprintf("was not reached within %s", freshTimeout),
		}}
	}
	return err
}
