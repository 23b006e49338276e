package httpapi

import (
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/domain"
)

// Starting makes the handler for the time until the service can do its work, which may be minutes where tables are made
// anew: it lives, so it must not be restarted, and everything else is 503 in the contract's shape. It belongs
// behind an Edge.
func Starting(log *slog.Logger) http.Handler {
	s := &server{Config: Config{Log: log}}
	e := echo.New()
	e.Use(s.around)
	get(e, "/health", s.health)
	e.RouteNotFound("/*", func(echo.Context) error { return &domain.Error{Code: domain.ServiceUnavailable} })
	return e
}
