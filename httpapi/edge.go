package httpapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	// answerTimeout bounds the work on one request, so that a database that hangs is an answer too.
	answerTimeout = 15 * time.Second
	// bodyLimit is the largest body that is read, in bytes.
	bodyLimit = 1 << 20
	// requestIDLimit is the longest request id that is taken over from the caller, in bytes.
	requestIDLimit = 64
)

// edge is around every handler, also those of unknown routes.
func (s *server) edge(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		request, header := c.Request(), c.Response().Header()
		ctx, cancel := context.WithTimeout(request.Context(), answerTimeout)
		defer cancel()
		request = request.WithContext(ctx)
		request.Body = http.MaxBytesReader(c.Response().Writer, request.Body, bodyLimit)
		c.SetRequest(request)
		id := requestID(request)
		header.Set(echo.HeaderXRequestID, id)
		protect(header, secure(request, s.Security.Proxies))

		handler := next
		if s.cors(header, request) {
			handler = func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }
		}
		if err := caught(handler, c); err != nil {
			s.fail(c, err)
		}
		s.Log.LogAttrs(ctx, slog.LevelDebug, "request",
			slog.String("method", request.Method), slog.String("route", c.Path()),
			slog.Int("status", c.Response().Status), slog.Duration("duration", time.Since(began)),
			slog.String("requestId", id))
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

// admit is what a request has to pass whoever sends it, and wherever to.
func (s *server) admit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := s.limitAddress(c); err != nil {
			return err
		}
		if c.Request().ContentLength > bodyLimit {
			return errTooLarge
		}
		return next(c)
	}
}

// requestID takes over the id that a proxy or the caller gave the request, if it is fit for logs.
func requestID(r *http.Request) string {
	id := r.Header.Get(echo.HeaderXRequestID)
	unprintable := func(c rune) bool { return c <= ' ' || c > '~' }
	if id == "" || len(id) > requestIDLimit || strings.ContainsFunc(id, unprintable) {
		return rand.Text()
	}
	return id
}
