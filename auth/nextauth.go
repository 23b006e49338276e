package auth

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// DefaultCookie is the name of the session cookie of next-auth 4 on a site without HTTPS, and of the web app on any.
const DefaultCookie = "next-auth.session-token"

// knownCookies are the session cookies of the packages, in the order in which they are tried. What an Auth.js 5 left is
// newer than what next-auth 4 left; and a cookie that begins with __Secure- cannot have been planted over plain HTTP.
func knownCookies() []string {
	return []string{"__Secure-authjs.session-token", "authjs.session-token", "__Secure-" + DefaultCookie, DefaultCookie}
}

// NextAuth believes the session tokens that the web app's NextAuth makes: those of next-auth 4 and of Auth.js 5
// (@auth/core 0.41), which are encrypted with keys derived from a secret that both sides know. It may be used concurrently.
type NextAuth struct {
	keys    []key
	cookies []string
	now     func() time.Time
}

// NewNextAuth makes the authenticator of a web app. Secrets are the web app's NEXTAUTH_SECRET (AUTH_SECRET in v5), byte for
// byte, the newest first; tokens of each are accepted, so that a secret can be exchanged without signing everybody out.
// The cookie is a name of the session cookie to be tried before the packages' own, "" if the web app sets none. The
// clock, now, must be safe for concurrent use.
//
// The error is ErrNoSecret without a secret or with an empty one, and another if the cookie's name cannot be one.
func NewNextAuth(secrets []string, cookie string, now func() time.Time) (*NextAuth, error) {
	if len(secrets) == 0 || slices.Contains(secrets, "") {
		return nil, ErrNoSecret
	}
	n := &NextAuth{cookies: knownCookies(), now: now}
	if cookie != "" {
		if err := CheckCookieName(cookie); err != nil {
			return nil, err
		}
		others := slices.DeleteFunc(n.cookies, func(known string) bool { return known == cookie })
		n.cookies = append([]string{cookie}, others...)
	}
	for _, secret := range secrets {
		k, err := v4Key(secret)
		if err != nil {
			return nil, err
		}
		n.keys = append(n.keys, k)
		for _, name := range n.cookies {
			k, err := v5Key(secret, name)
			if err != nil {
				return nil, err
			}
			n.keys = append(n.keys, k)
		}
	}
	return n, nil
}

// CheckCookieName fails for a name that NewNextAuth would not take.
func CheckCookieName(name string) error {
	if !cookieName(name) {
		return fmt.Errorf("%q cannot be the name of a cookie", name)
	}
	return nil
}

// cookieName reports whether a text can be a cookie's name (RFC 6265, section 4.1.1; a token of RFC 2616).
func cookieName(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	}) < 0
}

// String keeps keys out of logs.
func (n *NextAuth) String() string { return "NextAuth sessions" }

// Authenticate gives the user whom the first valid token in the request names: of the session cookies, where a cookie of
// the exact name goes before one in chunks, then of an Authorization header with the scheme Bearer. A token that is not
// valid does not hide another that is: a browser may well send a stale cookie beside the current one.
//
// Every error is ErrUnauthenticated. Its text gives the reason, that of the first token, and repeats nothing of it.
func (n *NextAuth) Authenticate(r *http.Request) (string, error) {
	tokens, reason := n.shown(r.Header)
	for _, s := range tokens {
		user, err := n.user(s.token, s.cookie)
		if err == nil {
			return user, nil
		}
		if reason == nil {
			reason = err
		}
	}
	if reason == nil {
		reason = errNoToken
	}
	return "", reason
}

// shown is a token of a request, with the name of the cookie that it came in, "" if in none.
type shown struct{ token, cookie string }

// shown are a request's tokens in the order in which they are tried. The error says what is wrong with its cookies; what
// could be read of them is there all the same.
func (n *NextAuth) shown(header http.Header) (tokens []shown, reason error) {
	jars := make([]jar, len(n.cookies))
	for i, name := range n.cookies {
		jars[i].name = name
	}
	reason = fill(jars, header["Cookie"])
	for i := range jars {
		joined, err := jars[i].joined()
		if reason == nil {
			reason = err
		}
		tokens = append(tokens, shown{jars[i].whole, jars[i].name}, shown{joined, jars[i].name})
	}
	tokens = append(tokens, shown{bearer(header), ""})
	return slices.DeleteFunc(tokens, func(s shown) bool { return s.token == "" }), reason
}

// user is the one whom a token names that came in the cookie, or in none ("").
func (n *NextAuth) user(token, cookie string) (string, error) {
	h, jwe, err := parseToken(token)
	if err != nil {
		return "", err
	}
	for _, k := range n.keys {
		if !k.opens(h, cookie) {
			continue
		}
		text, err := jwe.Decrypt(k.material)
		if err != nil {
			continue // the next secret may be its own
		}
		return userOf(text, n.now())
	}
	return "", errOtherSecret
}

// bearer is the token of the Authorization header, "" if it has none.
func bearer(header http.Header) string {
	scheme, token, _ := strings.Cut(header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.Trim(token, " ")
}
