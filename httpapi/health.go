package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/domain"
)

// readyTimeout bounds the check of readiness, which balancers repeat every few seconds.
const readyTimeout = 2 * time.Second

type healthAnswer struct {
	Status string `json:"status"`
}

type readyAnswer struct {
	Status string `json:"status"`
	Checks any    `json:"checks"`
}

// health answers 200 whatever the state of the database, because a restart of the program would not help the database.
func (s *Server) health(c echo.Context) error {
	return c.JSON(http.StatusOK, healthAnswer{"ok"})
}

// ready answers 200 if requests should be sent to this server, and 503 if not.
func (s *Server) ready(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), readyTimeout)
	defer cancel()
	detail, err := s.Readiness.Ready(ctx)
	if err != nil {
		s.Log.WarnContext(ctx, "not ready", "error", err)
		return &domain.Error{Code: domain.ServiceUnavailable, Details: map[string]any{"checks": detail}}
	}
	return c.JSON(http.StatusOK, readyAnswer{"ready", detail})
}

// metrics answers in the format of Prometheus.
func (s *Server) metrics(c echo.Context) error {
	s.Metrics.ServeHTTP(c.Response(), c.Request())
	return nil
}
