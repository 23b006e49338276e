package realtime

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// errNoAccount refuses a user without an account.
const errNoAccount auth.ConnectionError = "User not found"

// identify returns the user who opens a connection, if the user's account is active. The error is an auth.ConnectionError, or
// that of a failed lookup.
func (s *Server) identify(ctx context.Context, r *http.Request, claimed auth.Claims) (membership.User, error) {
	userID, err := auth.AuthenticateConnection(s.Authenticator, s.Origins, r, claimed)
	if err != nil {
		return membership.User{}, err
	}
	user, err := s.Access.Account(ctx, userID)
	switch {
	case errors.Is(err, domain.ErrUserNotFound):
		return membership.User{}, errNoAccount
	case err != nil:
		return membership.User{}, fmt.Errorf("look up the account: %w", err)
	case !user.Active():
		return membership.User{}, auth.ConnectionError("User status is " + user.Status)
	}
	return user, nil
}
