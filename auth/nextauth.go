package auth

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultCookie is the name of the session cookie of next-auth 4 on a site without HTTPS, and of the web app on any.
const DefaultCookie = "next-auth.session-token"

// NextAuth accepts the session tokens of the web app's NextAuth: next-auth 4 and Auth.js 5 (@auth/core 0.41). They are encrypted
// with keys derived from a secret that both sides know. It may be used concurrently.
type NextAuth struct {
	keys    []key
	cookies []string
	now     func() time.Time
}

// NewNextAuth makes the authenticator of a web app. Secrets are the web app's NEXTAUTH_SECRET (AUTH_SECRET in v5), byte for byte,
// newest first. Tokens of each secret are accepted, so that a secret can be replaced without signing everybody out. The cookie is
// a name of the session cookie that is tried before the packages' own names; "" if the web app sets none. The clock, now, must be
// safe for concurrent use.
//
// The error is ErrNoSecret without a secret or with an empty one. A name that no cookie can have is an error too.
func NewNextAuth(secrets []string, cookie string, now func() time.Time) (*NextAuth, error) {
	if len(secrets) == 0 || slices.Contains(secrets, "") {
		return nil, ErrNoSecret
	}
	// In the order in which they are tried. A cookie of Auth.js 5 is newer than one of next-auth 4, and a cookie with the prefix
	// __Secure- cannot have been set over plain HTTP.
	known := []string{"__Secure-authjs.session-token", "authjs.session-token", "__Secure-" + DefaultCookie, DefaultCookie}
	n := &NextAuth{cookies: known, now: now}
	if cookie != "" {
		if err := CheckCookieName(cookie); err != nil {
			return nil, err
		}
		others := slices.DeleteFunc(known, func(name string) bool { return name == cookie })
		n.cookies = append([]string{cookie}, others...)
	}
	for _, secret := range secrets {
		for _, name := range append([]string{""}, n.cookies...) {
			k, err := deriveKey(secret, name)
			if err != nil {
				return nil, err
			}
			n.keys = append(n.keys, k)
		}
	}
	return n, nil
}

// CheckCookieName returns an error for a name that NewNextAuth would not accept.
func CheckCookieName(name string) error {
	if (&http.Cookie{Name: name}).Valid() != nil { //nolint:gosec // only the name is checked; the cookie is never sent
		return fmt.Errorf("%q cannot be the name of a cookie", name)
	}
	return nil
}

// String keeps keys out of logs.
func (n *NextAuth) String() string { return "NextAuth sessions" }

// Authenticate returns the user whom the first valid token of the request names. Session cookies are tried before an Authorization
// header with the scheme Bearer, and a cookie with the exact name before one in chunks. An invalid token does not hide a valid
// one, because a browser may send a stale cookie beside the current one.
//
// Every error wraps ErrUnauthenticated. Its text has the reason for the first token, and repeats nothing of the token.
func (n *NextAuth) Authenticate(r *http.Request) (string, error) {
	tokens, reason := n.presented(r.Header)
	for _, p := range tokens {
		user, err := n.user(p)
		if err == nil {
			return user, nil
		}
		reason = cmp.Or(reason, err)
	}
	return "", cmp.Or[error](reason, errNoToken)
}

// presented is a token of a request, with the name of the cookie that it came in, or "".
type presented struct{ token, cookie string }

// presented returns the tokens of a request in the order in which they are tried. The error is the first fault of the cookies; the
// tokens that could be read are returned nevertheless.
func (n *NextAuth) presented(header http.Header) (tokens []presented, reason error) {
	jars := make([]jar, len(n.cookies))
	for i, name := range n.cookies {
		jars[i].name = name
	}
	reason = fill(jars, header["Cookie"])
	for i := range jars {
		joined, err := jars[i].joined()
		reason = cmp.Or(reason, err)
		tokens = append(tokens, presented{jars[i].whole, jars[i].name}, presented{joined, jars[i].name})
	}
	tokens = append(tokens, presented{Bearer(header), ""})
	return slices.DeleteFunc(tokens, func(p presented) bool { return p.token == "" }), reason
}

// user returns the user whom a token names.
func (n *NextAuth) user(p presented) (string, error) {
	h, jwe, err := parseToken(p.token)
	if err != nil {
		return "", err
	}
	for _, k := range n.keys {
		if !k.opens(h, p.cookie) {
			continue
		}
		text, err := jwe.Decrypt(k.material)
		if err != nil {
			continue // it may have been made with the next secret
		}
		return userOf(text, n.now())
	}
	return "", errOtherSecret
}

// Bearer returns the Bearer token of the Authorization header, or "".
func Bearer(header http.Header) string {
	scheme, token, _ := strings.Cut(header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.Trim(token, " ")
}

const (
	// maxCookies bounds the cookies of a request, in bytes. Node, on which the web app runs, reads 16 KiB of headers.
	maxCookies = 32 << 10
	// maxChunks bounds the cookies that hold one token. The packages fill each with some 3900 bytes.
	maxChunks = 32
)

// jar holds the cookies of a request that belong to one name of the session cookie.
type jar struct {
	name   string
	whole  string   // the cookie with the exact name
	chunks []string // the cookies with the suffixes .0, .1, …; "" for a missing one
}

// fill sorts the cookies of a request's Cookie headers into the jars, in one pass. Of two cookies with one name the first counts,
// as in the packages, because browsers send the more specific one first. An empty cookie does not count. Values are taken
// literally, without a pair of quotes around them (RFC 6265, section 4.1.1), which next-auth 4's parser removes too. They are not
// percent-decoded, because no encoder changes the characters of a token.
func fill(jars []jar, headers []string) error {
	size := 0
	for _, header := range headers {
		size += len(header)
	}
	if size > maxCookies {
		return errManyCookies
	}
	for _, header := range headers {
		for pair := range strings.SplitSeq(header, ";") {
			name, value, found := strings.Cut(pair, "=")
			if !found {
				continue
			}
			name, value = strings.Trim(name, " \t"), unquote(strings.Trim(value, " \t"))
			for i := range jars {
				if suffix, ours := strings.CutPrefix(name, jars[i].name); ours {
					jars[i].put(suffix, value)
				}
			}
		}
	}
	return nil
}

// put stores the cookie with the suffix after the jar's name, if it belongs to the session.
func (j *jar) put(suffix, value string) {
	if suffix == "" {
		if j.whole == "" {
			j.whole = value
		}
		return
	}
	number, dotted := strings.CutPrefix(suffix, ".")
	i, err := strconv.Atoi(number)
	// The packages write a number in one form. Any other suffix belongs to another cookie.
	if !dotted || value == "" || err != nil || i < 0 || i >= maxChunks || strconv.Itoa(i) != number {
		return
	}
	for len(j.chunks) <= i {
		j.chunks = append(j.chunks, "")
	}
	if j.chunks[i] == "" {
		j.chunks[i] = value
	}
}

// joined returns the token in the chunks; "" if there are none.
func (j *jar) joined() (string, error) {
	for _, chunk := range j.chunks {
		if chunk == "" {
			return "", errBrokenChunks
		}
	}
	return strings.Join(j.chunks, ""), nil
}

func unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}
