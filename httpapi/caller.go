package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// signedIn calls the handler with the user who sent the request. A request without proof of an active account is refused with
// 401. Then it must not have been forged by another site's page (403), and must be within the user's limit (429).
func (s *Server) signedIn(handler func(c echo.Context, caller membership.User) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		userID, err := s.Authenticator.Authenticate(c.Request())
		if err != nil {
			return fmt.Errorf("authenticate: %w", err)
		}
		caller, err := s.account(c.Request().Context(), userID)
		if err != nil {
			return err
		}
		if err := s.refuseForged(c.Request()); err != nil {
			return err
		}
		if err := limited("user", s.users.take(caller.ID, s.Now())); err != nil {
			return err
		}
		return handler(c, caller)
	}
}

// member calls the handler for a signed-in user who is an active member of the study in the path. Other users get 403.
func (s *Server) member(handler func(c echo.Context, studyID string, caller membership.User) error) echo.HandlerFunc {
	return s.signedIn(func(c echo.Context, caller membership.User) error {
		studyID := pathID(c, "studyId")
		if err := s.Access.ActiveMember(c.Request().Context(), studyID, caller.ID); err != nil {
			return err
		}
		return handler(c, studyID, caller)
	})
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

// people looks up the current names and avatars of the users in an answer.
func (s *Server) people(c echo.Context, ids ...string) (api.People, error) {
	users, err := s.Users.Users(c.Request().Context(), ids)
	if err != nil {
		return nil, fmt.Errorf("look up the users in the answer: %w", err)
	}
	return users, nil
}

// pathID returns an id in the path, decoded. It may be any text: see membership.PossibleID.
func pathID(c echo.Context, name string) string {
	id := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return id // the router matched the decoded path
	}
	if decoded, err := url.PathUnescape(id); err == nil {
		return decoded
	}
	return id
}
