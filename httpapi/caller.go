package httpapi

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// signedIn lets a handler know who is calling. Whoever shows no proof, or has no active account, gets a 401. The account
// is looked up each time: a token may be older than the account's end. Then come what the user may have been tricked into
// by another site's page, and how often they have asked.
func (s *server) signedIn(handler func(echo.Context, membership.User) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		userID, err := s.Authenticator.Authenticate(c.Request())
		if err != nil {
			return fmt.Errorf("authenticate: %w", err)
		}
		caller, err := s.Access.Account(c.Request().Context(), userID)
		if errors.Is(err, domain.ErrUserNotFound) || err == nil && !caller.Active() {
			return fmt.Errorf("no active account: %w", auth.ErrUnauthenticated)
		}
		if err != nil {
			return fmt.Errorf("look up the caller's account: %w", err)
		}
		if err := s.crossSite(c.Request()); err != nil {
			return err
		}
		if err := s.limitUser(caller.ID); err != nil {
			return err
		}
		return handler(c, caller)
	}
}

// studyOf is the study that the path names, once the caller is known to be an active member of it.
func (s *server) studyOf(c echo.Context, caller membership.User) (string, error) {
	studyID := pathID(c, "studyId")
	return studyID, s.Access.ActiveMember(c.Request().Context(), studyID, caller.ID)
}

// pathID is an id in the path, decoded. It may be anything: see membership.PossibleID.
func pathID(c echo.Context, name string) string {
	id := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return id // the path was routed decoded
	}
	if decoded, err := url.PathUnescape(id); err == nil {
		return decoded
	}
	return id
}
