package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	// answerTimeout bounds the work on one request, so that a database that hangs is an answer too.
	answerTimeout = 15 * time.Second
	// bodyLimit is the largest body that is read, in bytes.
	bodyLimit = 1 << 20
)

// around is around every handler, also those of unknown routes.
func (s *server) around(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		request := c.Request()
		ctx, cancel := context.WithTimeout(request.Context(), answerTimeout)
		defer cancel()
		request = request.WithContext(ctx)
		request.Body = http.MaxBytesReader(c.Response().Writer, request.Body, bodyLimit)
		c.SetRequest(request)
		handler := next
		if request.ContentLength > bodyLimit {
			handler = func(echo.Context) error { return errTooLarge }
		}
		if err := caught(handler, c); err != nil {
			s.fail(c, err)
		}
		s.Log.LogAttrs(ctx, slog.LevelDebug, "request",
			slog.String("method", request.Method), slog.String("route", c.Path()),
			slog.Int("status", c.Response().Status), slog.Duration("duration", time.Since(began)),
			slog.String("requestId", c.Response().Header().Get(echo.HeaderXRequestID)))
		return nil
	}
}

// panicked is a panic of a handler, as an error.
type panicked struct {
	value any
	stack []byte
}

// Error implements error.
func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// caught calls the handler and turns a panic into an error, except the one with which a handler gives up a connection.
func caught(handler echo.HandlerFunc, c echo.Context) (err error) {
	defer func() {
		switch value := recover(); value {
		case nil:
		case http.ErrAbortHandler:
			panic(value)
		default:
			err = &panicked{value, debug.Stack()}
		}
	}()
	return handler(c)
}
