package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Authenticator finds out which user sent a request. The error wraps ErrUnauthenticated when the request proves no user.
type Authenticator interface {
	Authenticate(r *http.Request) (userID string, err error)
}

// Claims are what a client states about itself when it opens a connection, besides the headers of its request. They come in
// the auth payload of Socket.IO or in the query of a WebSocket, because browsers let no page set a WebSocket's headers.
type Claims struct {
	UserID string `json:"userId"`
	Token  string `json:"token"`
}

// ConnectionError is the reason for which a connection is refused. It wraps ErrUnauthenticated. The web app searches the
// message for fixed words, and clients get no other explanation.
type ConnectionError string

// The reasons that do not depend on the user's account.
const (
	ErrNoIdentity      ConnectionError = "Authentication required"
	ErrBadPayload      ConnectionError = "Authentication payload must be an object with userId and token"
	ErrOtherIdentity   ConnectionError = "Authentication failed: userId is not the signed-in user's"
	ErrUntrustedOrigin ConnectionError = "Authentication failed: the page's origin is not allowed"
)

// Error implements error.
func (e ConnectionError) Error() string { return string(e) }

// Unwrap returns ErrUnauthenticated.
func (e ConnectionError) Unwrap() error { return ErrUnauthenticated }

// ParseClaims reads the auth payload of a Socket.IO connection. No payload makes no claims. The error is ErrBadPayload.
func ParseClaims(payload json.RawMessage) (Claims, error) {
	var claims Claims
	if len(payload) == 0 || string(payload) == "null" {
		return claims, nil
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return claims, ErrBadPayload
	}
	return claims, nil
}

// QueryClaims reads the claims in the query of a request.
func QueryClaims(r *http.Request) Claims {
	query := r.URL.Query()
	return Claims{UserID: query.Get("userId"), Token: query.Get("token")}
}

// AuthenticateConnection returns the user who opens a connection with the request. It asks the authenticator of REST requests
// and presents a claimed token as if it had come in a header. If a page of another site may have made the browser connect, the
// cookies and the claimed user id are ignored. The error is a ConnectionError, or that of the authenticator.
func AuthenticateConnection(callers Authenticator, origins *Origins, r *http.Request, claimed Claims) (string, error) {
	presented := &http.Request{Method: http.MethodGet, Host: r.Host, URL: r.URL, Header: r.Header.Clone()}
	trusted := origins.Trust(r)
	if !trusted {
		presented.Header.Del("Cookie")
	}
	if claimed.Token != "" {
		presented.Header.Set("Authorization", "Bearer "+claimed.Token)
	}
	if trusted && claimed.UserID != "" && presented.Header.Get(DevHeader) == "" {
		presented.Header.Set(DevHeader, claimed.UserID) // Dev alone trusts it
	}
	userID, err := callers.Authenticate(presented)
	switch {
	case errors.Is(err, ErrUnauthenticated) && !trusted:
		return "", ErrUntrustedOrigin
	case errors.Is(err, ErrUnauthenticated):
		return "", ErrNoIdentity
	case err != nil:
		return "", fmt.Errorf("authenticate: %w", err)
	case claimed.UserID != "" && claimed.UserID != userID:
		return "", ErrOtherIdentity
	}
	return userID, nil
}

// ErrUnauthenticated is the error of a request that proves no user.
var ErrUnauthenticated = errors.New("the caller is not authenticated")

// refusedError is ErrUnauthenticated with the reason, for logs at debug level. Reasons are constants, because the sender
// controls what a token contains, and the errors of libraries may repeat it.
type refusedError string

const (
	errNoToken      refusedError = "no token"
	errTooLong      refusedError = "the token is too long"
	errMalformed    refusedError = "not the text of an encrypted token"
	errOtherKind    refusedError = "the token's header or algorithm is not supported"
	errOtherSecret  refusedError = "the token was altered, or made with another secret"
	errBadClaims    refusedError = "the token's claims are not of the right types"
	errExpired      refusedError = "the token is expired"
	errNotYetValid  refusedError = "the token is not valid yet"
	errNoUser       refusedError = "the token names no user"
	errBrokenChunks refusedError = "a chunk of the session cookie is missing"
	errNotLocal     refusedError = "in development, only requests to this machine's own names are trusted"
	errForwarded    refusedError = "in development, requests that came through a proxy are not trusted"
	errNoHeader     refusedError = "no X-User-Id"
	errManyCookies  refusedError = "the cookies are too long"
)

func (e refusedError) Error() string { return ErrUnauthenticated.Error() + ": " + string(e) }

func (e refusedError) Unwrap() error { return ErrUnauthenticated }
