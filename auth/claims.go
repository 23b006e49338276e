package auth

import (
	"encoding/json"
	"math"
	"time"
	"unicode/utf8"
)

// tolerance is the allowed difference between the web app's clock and ours, in seconds. It is that of next-auth and Auth.js.
const tolerance = 15

// claims are those of a token, by their exact names. The fields of a struct would match names in any case.
type claims map[string]json.RawMessage

// userOf returns the user whom the decrypted text of a token names, if the token is valid at the time. Times are judged as in the
// packages' decoders (jose, jwt_claims_set.js): in whole seconds of our clock, and a missing time is no objection.
func userOf(text []byte, now time.Time) (string, error) {
	var c claims
	if !utf8.Valid(text) || json.Unmarshal(text, &c) != nil {
		return "", errBadClaims
	}
	seconds := float64(now.Unix())
	_, issuedOK := c.number("iat", 0)
	notBefore, notBeforeOK := c.number("nbf", math.Inf(-1))
	expiry, expiryOK := c.number("exp", math.Inf(1))
	switch {
	case !issuedOK || !notBeforeOK || !expiryOK:
		return "", errBadClaims
	case notBefore > seconds+tolerance:
		return "", errNotYetValid
	case expiry <= seconds-tolerance:
		return "", errExpired
	}
	return c.user()
}

// number returns a claim, or missing if there is none. It reports whether the claim, if there is one, is a number.
func (c claims) number(name string, missing float64) (value float64, ok bool) {
	raw, present := c[name]
	if !present {
		return missing, true
	}
	// null would leave the value unchanged, without an error.
	ok = string(raw) != "null" && json.Unmarshal(raw, &value) == nil
	return value, ok
}

// user returns the claim id, which the web app's callback adds and all of its routes read; or the claim sub, which next-auth itself
// sets, if there is no id. An id that is present but empty or no text names nobody, as in the web app.
func (c claims) user() (string, error) {
	raw, present := c["id"]
	if !present {
		raw, present = c["sub"]
	}
	if !present {
		return "", errNoUser
	}
	var user string
	if json.Unmarshal(raw, &user) != nil {
		return "", errBadClaims
	}
	if user == "" {
		return "", errNoUser
	}
	return user, nil
}
