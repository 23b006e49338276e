package auth

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
)

// maxToken bounds the length of a token, in bytes. The web app issues no longer token, because its own server, Node, reads no more
// than 16 KiB of headers.
const maxToken = 16 << 10

// header is the protected header of a token.
type header struct {
	encryption jose.ContentEncryption
	keyID      string
}

// parseToken reads a token in the compact form of JWE (RFC 7516, section 7.1), before any key is tried. Each token has exactly one
// accepted text. So parseToken refuses what go-jose would overlook: line breaks inside base64, unused bits that are set, a dot
// moved between ciphertext and tag, and an encrypted key, which direct encryption does not use.
func parseToken(token string) (header, *jose.JSONWebEncryption, error) {
	switch {
	case token == "":
		return header{}, nil, errNoToken
	case len(token) > maxToken:
		return header{}, nil, errTooLong
	case strings.Count(token, ".") != 4 || strings.ContainsAny(token, "\r\n"):
		return header{}, nil, errMalformed
	}
	var parts [][]byte
	for text := range strings.SplitSeq(token, ".") {
		part, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if err != nil {
			return header{}, nil, errMalformed
		}
		parts = append(parts, part)
	}
	h, err := parseHeader(parts[0])
	if err != nil {
		return header{}, nil, err
	}
	ivBytes, tagBytes := 12, 16
	if h.encryption == v5Encryption {
		ivBytes, tagBytes = 16, 32
	}
	if len(parts[1]) != 0 || len(parts[2]) != ivBytes || len(parts[4]) != tagBytes {
		return header{}, nil, errMalformed
	}
	jwe, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{h.encryption})
	if err != nil {
		return header{}, nil, errMalformed
	}
	return h, jwe, nil
}

// parseHeader reads a protected header. It accepts the fields that the packages write, and typ, which RFC 7519 recommends. Any
// other field would require something that this package does not do: decompress (zip), understand an extension (crit), use a key
// that the sender chose (jwk, epk) or a password (p2s).
func parseHeader(text []byte) (header, error) {
	var fields map[string]string
	if err := json.Unmarshal(text, &fields); err != nil {
		return header{}, errOtherKind
	}
	for name := range fields {
		if !slices.Contains([]string{"alg", "enc", "kid", "typ"}, name) {
			return header{}, errOtherKind
		}
	}
	encryption := jose.ContentEncryption(fields["enc"])
	if fields["alg"] != string(jose.DIRECT) || encryption != v4Encryption && encryption != v5Encryption {
		return header{}, errOtherKind
	}
	return header{encryption: encryption, keyID: fields["kid"]}, nil
}

// tolerance is the allowed difference between the web app's clock and ours, in seconds. It is that of next-auth and Auth.js.
const tolerance = 15

// claims are those of a token, by their exact names. The fields of a struct would match names in any case.
type claims map[string]json.RawMessage

// userOf returns the user whom the decrypted text of a token names, if the token is valid at the time. Times are judged as in the
// packages' decoders (jose, jwt_claims_set.js): in whole seconds of our clock, and a missing time is not an error.
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
