package httpapi

import (
	"log/slog"
	"net/http"
	"strings"

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

// Draining makes the handler for the time in which the service ends: no calls are started here any more, and whoever asks
// whether it is ready learns that it is not; all else goes on to next, for as long as requests come. It belongs behind an Edge.
func Draining(next http.Handler, log *slog.Logger) http.Handler {
	refusing := Starting(log)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ready" || strings.HasSuffix(r.URL.Path, "/video-call/start") {
			refusing.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
