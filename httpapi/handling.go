package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/sourcegraph/conc/panics"

	"github.com/studycall/studycall/domain"
)

const (
	// answerTimeout bounds the work on a request, so that a database that hangs leads to an answer.
	answerTimeout = 15 * time.Second
	// bodyLimit is the largest body that is read, in bytes.
	bodyLimit = 1 << 20
	// requestIDLimit is the longest request id that is taken over from the caller, in bytes.
	requestIDLimit = 64
)

// handle is the middleware of every request, also of those that match no route. It sets the headers of every answer, enforces
// the limits of the client's address, calls the handler, and answers and logs a failure once.
func (s *Server) handle(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began, r, request, header := time.Now(), s.routeOf(c), c.Request(), c.Response().Header()
		header.Set(echo.HeaderXRequestID, requestID(request))
		r.headers(header)
		if secure(request, s.Security.Proxies) { // over plain HTTP, browsers ignore it, and the operator may have no certificate
			// One year, for this host alone, because its subdomains may be other services.
			header.Set("Strict-Transport-Security", "max-age=31536000")
		}
		preflight := s.cors(header, request)
		// Before anything is done for the request, so that the limit also bounds the guessing of tokens.
		err := limited("address", r.limit(request).take(household(clientAddress(request, s.Security.Proxies)), s.Now()))
		switch {
		case err != nil:
		case preflight:
			err = c.NoContent(http.StatusNoContent)
		case !s.serves(r):
			err = &domain.Error{Code: domain.ServiceUnavailable}
		default:
			err = call(r, next, c)
		}
		c.SetRequest(request) // without the handler's timeout, which is over
		if err != nil {
			s.fail(c, r, err)
		}
		if !r.stream {
			s.Log.LogAttrs(request.Context(), slog.LevelDebug, "request",
				slog.String("method", request.Method), slog.String("route", c.Path()),
				slog.Int("status", c.Response().Status), slog.Duration("duration", time.Since(began)),
				slog.String("requestId", header.Get(echo.HeaderXRequestID)))
		}
		return nil
	}
}

// call runs the handler within the limits of its route.
func call(r route, handler echo.HandlerFunc, c echo.Context) error {
	request := c.Request()
	if r.timeout != noTimeout {
		ctx, cancel := context.WithTimeout(request.Context(), r.timeout)
		defer cancel()
		request = request.WithContext(ctx)
	}
	if !r.stream {
		if request.ContentLength > bodyLimit {
			return errTooLarge
		}
		request.Body = http.MaxBytesReader(c.Response().Writer, request.Body, bodyLimit)
	}
	c.SetRequest(request)
	return guard(func() error { return handler(c) })
}

// panicked is the panic of a handler as an error. It does not wrap an error that was the panic's value, so that a panic is
// always answered with 500.
type panicked struct{ *panics.Recovered }

// Error implements error.
func (p panicked) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// guard turns a panic of the handler into an error. http.ErrAbortHandler is passed on, because it
// makes net/http close the connection.
func guard(handler func() error) (err error) {
	recovered := panics.Try(func() { err = handler() })
	switch {
	case recovered == nil:
		return err
	case errors.Is(recovered.AsError(), http.ErrAbortHandler):
		panic(http.ErrAbortHandler)
	default:
		return panicked{recovered}
	}
}

// requestID takes over the id that a proxy or the caller gave the request, if the id is fit for logs. Otherwise it makes one.
func requestID(r *http.Request) string {
	id := r.Header.Get(echo.HeaderXRequestID)
	unprintable := func(c rune) bool { return c <= ' ' || c > '~' }
	if id == "" || len(id) > requestIDLimit || strings.ContainsFunc(id, unprintable) {
		return rand.Text()
	}
	return id
}
