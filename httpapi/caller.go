package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// signedIn calls the handler with the user who sent the request. The error is auth.ErrUnauthenticated for a request without
// proof of an active account. Then the request must not have been forged by another site's page, and must be within the user's
// limit.
func (s *Server) signedIn(handler func(echo.Context, membership.User) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		userID, err := s.Authenticator.Authenticate(c.Request())
		if err != nil {
			return fmt.Errorf("authenticate: %w", err)
		}
		caller, err := s.account(c.Request().Context(), userID)
		if err != nil {
			return err
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

// account returns the active account of the user. It is looked up for each request, because a token may outlive the account.
func (s *Server) account(ctx context.Context, userID string) (membership.User, error) {
	user, err := s.Access.Account(ctx, userID)
	if errors.Is(err, domain.ErrUserNotFound) || err == nil && !user.Active() {
		return membership.User{}, fmt.Errorf("no active account: %w", auth.ErrUnauthenticated)
	}
	if err != nil {
		return membership.User{}, fmt.Errorf("look up the caller's account: %w", err)
	}
	return user, nil
}

// studyOf is the study that the path names, once the caller is known to be an active member of it.
func (s *Server) studyOf(c echo.Context, caller membership.User) (string, error) {
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
