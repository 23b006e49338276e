package auth

// refusedError is ErrUnauthenticated with the reason, for logs at debug level. Reasons are constants: whatever a token,
// or a library that read it, says is up to whoever sent it, and is never repeated.
type refusedError string

const (
	errNoToken      refusedError = "no token"
	errTooLong      refusedError = "the token is too long"
	errMalformed    refusedError = "not the text of an encrypted token"
	errOtherKind    refusedError = "the token's header or algorithm is not one that we use"
	errOtherSecret  refusedError = "the token was altered, or made with another secret"
	errBadClaims    refusedError = "the token's claims are not of the right types"
	errExpired      refusedError = "the token is expired"
	errNotYetValid  refusedError = "the token is not valid yet"
	errNobody       refusedError = "the token names no user"
	errBrokenChunks refusedError = "a chunk of the session cookie is missing"
	errNotLocal     refusedError = "in development, only requests to this machine's own names are believed"
	errForwarded    refusedError = "in development, no request is believed that came by a proxy"
	errNoName       refusedError = "no X-User-Id"
	errManyCookies  refusedError = "the cookies are too long to look through"
)

func (e refusedError) Error() string { return ErrUnauthenticated.Error() + ": " + string(e) }

func (e refusedError) Unwrap() error { return ErrUnauthenticated }
