package auth

import (
	"encoding/json"
	"time"
	"unicode/utf8"
)

// tolerance is by how many seconds the web app's clock and ours may differ. Both packages give their decoder as many.
const tolerance = 15

// claims are a token's, by their exact names: a struct's fields would match them in any case.
type claims map[string]json.RawMessage

// userOf is the user whom a token's decrypted text names, if the token is valid at the time. It judges times as the
// packages' decoders do (jose, jwt_claims_set.js): in whole seconds of our clock, a missing one is no objection.
func userOf(text []byte, now time.Time) (string, error) {
	var c claims
	if !utf8.Valid(text) || json.Unmarshal(text, &c) != nil {
		return "", errBadClaims
	}
	seconds := float64(now.Unix())
	if _, _, err := c.number("iat"); err != nil {
		return "", err
	}
	if notBefore, present, err := c.number("nbf"); err != nil {
		return "", err
	} else if present && notBefore > seconds+tolerance {
		return "", errNotYetValid
	}
	if expiry, present, err := c.number("exp"); err != nil {
		return "", err
	} else if present && expiry <= seconds-tolerance {
		return "", errExpired
	}
	return c.user()
}

// number is a claim that must be a number where it is present.
func (c claims) number(name string) (value float64, present bool, err error) {
	raw, present := c[name]
	if !present {
		return 0, false, nil
	}
	// null would leave the number as it is, without an error.
	if string(raw) == "null" || json.Unmarshal(raw, &value) != nil {
		return 0, false, errBadClaims
	}
	return value, true, nil
}

// user is the claim id, which the web app's callback adds and all of its routes read. Only where there is none is it sub,
// which next-auth itself sets: an id that is there but empty, or no text, names nobody in the web app either.
func (c claims) user() (string, error) {
	raw, present := c["id"]
	if !present {
		raw, present = c["sub"]
	}
	if !present {
		return "", errNobody
	}
	var user string
	if json.Unmarshal(raw, &user) != nil {
		return "", errBadClaims
	}
	if user == "" {
		return "", errNobody
	}
	return user, nil
}
