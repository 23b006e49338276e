package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// claims are what a client says of itself besides its request's headers: the auth payload of Socket.IO, or the query of a
// plain WebSocket, since browsers let no page set a WebSocket's headers.
type claims struct {
	UserID string `json:"userId"`
	Token  string `json:"token"`
}

// unknownCallerError is why somebody may not connect. The web app looks for the words of its message, and the client gets no
// others.
type unknownCallerError string

const (
	errNoIdentity     unknownCallerError = "Authentication required"
	errBadPayload     unknownCallerError = "Authentication payload must be an object with userId and token"
	errOtherIdentity  unknownCallerError = "Authentication failed: userId is not the signed-in user's"
	errNoAccount      unknownCallerError = "User not found"
	errUntrustedFirst unknownCallerError = "Authentication failed: the page's origin is not allowed"
)

// Error implements error.
func (e unknownCallerError) Error() string { return string(e) }

// parseClaims reads an auth payload; none claims nothing.
func parseClaims(payload json.RawMessage) (claims, error) {
	var c claims
	if len(payload) == 0 || string(payload) == "null" {
		return c, nil
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return c, errBadPayload
	}
	return c, nil
}

// queryClaims are those of a request's query.
func queryClaims(r *http.Request) claims {
	query := r.URL.Query()
	return claims{UserID: query.Get("userId"), Token: query.Get("token")}
}

// identify tells who opened a connection: by what authenticates REST requests, which sees a claimed token as if it had come
// in a header. Where the user's browser may have been made to connect by another site's page, no cookie counts, and no
// name that is merely claimed. The error is an unknownCallerError, or that of looking the account up.
func (s *Server) identify(ctx context.Context, r *http.Request, claimed claims) (membership.User, error) {
	shown := &http.Request{Method: http.MethodGet, Host: r.Host, URL: r.URL, Header: r.Header.Clone()}
	trusted := s.Origins.Trust(r)
	if !trusted {
		shown.Header.Del("Cookie")
	}
	if claimed.Token != "" {
		shown.Header.Set("Authorization", "Bearer "+claimed.Token)
	}
	if trusted && claimed.UserID != "" && shown.Header.Get(auth.DevHeader) == "" {
		shown.Header.Set(auth.DevHeader, claimed.UserID) // which only development's way of signing in believes
	}
	userID, err := s.Authenticator.Authenticate(shown)
	switch {
	case errors.Is(err, auth.ErrUnauthenticated) && !trusted:
		return membership.User{}, errUntrustedFirst
	case errors.Is(err, auth.ErrUnauthenticated):
		return membership.User{}, errNoIdentity
	case err != nil:
		return membership.User{}, fmt.Errorf("authenticate: %w", err)
	case claimed.UserID != "" && claimed.UserID != userID:
		return membership.User{}, errOtherIdentity
	}
	user, err := s.Access.Account(ctx, userID)
	switch {
	case errors.Is(err, domain.ErrUserNotFound):
		return membership.User{}, errNoAccount
	case err != nil:
		return membership.User{}, fmt.Errorf("look up the account: %w", err)
	case !user.Active():
		return membership.User{}, unknownCallerError("User status is " + user.Status)
	}
	return user, nil
}
