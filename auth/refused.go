package auth

import "errors"

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
	errNotLocal     refusedError = "in development, only requests to this machine's own names are believed"
	errForwarded    refusedError = "in development, requests that came through a proxy are not believed"
	errNoHeader     refusedError = "no X-User-Id"
	errManyCookies  refusedError = "the cookies are too long"
)

func (e refusedError) Error() string { return ErrUnauthenticated.Error() + ": " + string(e) }

func (e refusedError) Unwrap() error { return ErrUnauthenticated }
